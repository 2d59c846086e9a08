"""The cluster in a directory: its data, its postmaster started and stopped, and what a killed one left."""

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from loyalty_site.embedded.tools import SUPERUSER, ServerFailedError, account, give_to_account, run_tool

PORT = 5432
START_SECONDS = 60
STOP_SECONDS = 30


def make_data(home: Path, version: int, *, durable: bool) -> None:
    """Make the data directory where it is missing. Raises `ServerFailedError` for one of another version."""
    data = home / "data"
    if data.exists():
        found = int((data / "PG_VERSION").read_text())
        if found != version:
            raise ServerFailedError(f"It was made by PostgreSQL {found}; {version} is asked for.")
        return
    # initdb writes PG_VERSION long before it is done: a killed one must not be taken for a whole one.
    draft = home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    give_to_account(draft)
    arguments = [f"--pgdata={draft}", f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8"]
    run_tool(version, "initdb", *arguments, *([] if durable else ["--no-sync"]))
    draft.rename(data)


def start(home: Path, version: int, options: Mapping[str, str]) -> Path:
    """Start the postmaster and return the directory of its socket. Raises `ServerFailedError`."""
    run = home / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    give_to_account(run)
    log = run / "server.log"
    if log.exists():
        log.replace(run / "server.log.old")
    socket_directory = _socket_directory(run)
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "cluster_name": cluster_name(home),
        "timezone": "UTC",
        "log_timezone": "UTC",
        **options,
    }
    given = " ".join(shlex.quote(word) for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    try:
        run_tool(
            version,
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={START_SECONDS}",
            f"--pgdata={home / 'data'}",
            f"--log={log}",
            f"--options={given}",
            cwd=run,
        )
    except ServerFailedError as failure:
        lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
        raise ServerFailedError("\n".join([str(failure), *lines])) from None
    return socket_directory


def stop(home: Path, version: int) -> None:
    """Stop the server, quickly if it can be, and leave nothing of it."""
    if running(home) is not None:
        for mode in ("fast", "immediate"):
            try:
                run_tool(
                    version,
                    "pg_ctl",
                    "stop",
                    "--wait",
                    f"--timeout={STOP_SECONDS}",
                    f"--mode={mode}",
                    f"--pgdata={home / 'data'}",
                )
                break
            except ServerFailedError:
                continue
    clear_leftovers(home)
    shutil.rmtree(_short_socket_directory(home / "run"), ignore_errors=True)


def running(home: Path) -> Path | None:
    """The socket directory of the server if its postmaster lives; None where there is none or only its remains."""
    import psutil

    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        # Starts and stops are ours alone, so a half-written file belongs to a start that was killed.
        return None
    try:
        # The number may be another program's by now, above all after a container was started anew.
        command = psutil.Process(int(lines[0])).cmdline()
    except psutil.Error:
        return None
    return Path(lines[4]) if str(home / "data") in command and "postgres" in command[0] else None


def clear_leftovers(home: Path) -> None:
    """End what a killed server left: processes that have lost their postmaster, and the files that name it."""
    import psutil

    cluster = cluster_name(home)
    left = []
    for process in psutil.process_iter(["name", "cmdline"]):
        # Each process of the server carries the cluster's name: in its title, or on the postmaster's command line.
        if process.info["name"] == "postgres" and cluster in " ".join(process.info["cmdline"] or ()):
            left.append(process)
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
    psutil.wait_procs(left, timeout=10)
    # PostgreSQL believes these files while a process of that number exists, be it a stranger or a zombie.
    (home / "data" / "postmaster.pid").unlink(missing_ok=True)
    for folder in (home / "run", _short_socket_directory(home / "run")):
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (folder / name).unlink(missing_ok=True)


def cluster_name(home: Path) -> str:
    """What every process of the server in `home` carries in its title."""
    return "regulars-" + hashlib.sha256(str(home).encode()).hexdigest()[:12]


def _socket_directory(run: Path) -> Path:
    # The kernel allows about 100 bytes, and clients split lists of hosts at commas.
    if len(os.fsencode(run)) <= 80 and re.fullmatch(r"[\w./-]+", str(run), re.ASCII):
        return run
    short = _short_socket_directory(run)
    short.mkdir(mode=0o700, exist_ok=True)
    uid = account()[0] if os.geteuid() == 0 else os.geteuid()
    if short.is_symlink() or short.stat().st_uid not in (os.geteuid(), uid):
        raise ServerFailedError(f"{short} belongs to somebody else.")
    give_to_account(short)
    return short


def _short_socket_directory(run: Path) -> Path:
    return Path("/tmp") / cluster_name(run)  # noqa: S108 (short on purpose; private, and its owner is checked)
