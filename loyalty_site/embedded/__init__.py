"""The embedded PostgreSQL behind `make demo`, `make test` and every command where DATABASE_URL is unset.

A server lives in a directory of its own: `data` is PostgreSQL's, `run` holds its log and its socket, `lock` is held
while somebody starts or stops it, and `users` is locked, shared, by every process that uses it. The kernel drops that
lock however a process dies, so the last one alive always knows that it is the last and stops the server; a server
whose users were all killed is joined, or cleared away, by whoever comes next.
"""

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from loyalty_site.embedded.cluster import cluster_name, running
from loyalty_site.embedded.servers import Server, exit_on_signals, leave_at_exit, remove_if_unused, start
from loyalty_site.embedded.tools import SUPERUSER, VERSIONS, ServerFailedError, account, programs

__all__ = [
    "DATABASE",
    "OWNER",
    "READONLY",
    "RUNTIME",
    "SUPERUSER",
    "WITHOUT_DATABASE",
    "Server",
    "ServerFailedError",
    "account",
    "cluster_name",
    "directory",
    "exit_on_signals",
    "kept_secret_key",
    "prepare",
    "programs",
    "remove_if_unused",
    "running",
    "start",
    "use_when_no_database_is_named",
    "version_wanted",
]

BASE_DIR = Path(__file__).resolve().parent.parent.parent

DATABASE = "regulars"
OWNER, RUNTIME, READONLY = "regulars_owner", "regulars_app", "regulars_readonly"

# They answer about the program and look at no row.
WITHOUT_DATABASE = {"help", "version", "--help", "-h", "--version"}


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
