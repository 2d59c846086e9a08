"""The database functions of the doors, one file each."""

from pathlib import Path


def function(name: str) -> str:
    """The text of `name`.sql, for a migration to run."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
