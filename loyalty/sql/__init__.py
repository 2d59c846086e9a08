"""The database functions, one file each. A changed function is a new version in a new file beside the old one."""

from pathlib import Path


def function(name: str) -> str:
    """The text of `name`.sql, for a migration to run."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
