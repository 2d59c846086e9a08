"""`setup_roles`: the three database roles and their rights."""

import json
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from psycopg import sql

from loyalty_site.tenants import roles


class Command(BaseCommand):
    """Make the roles that are missing, give the tables to the owner, and set every right. May be run at any time."""

    help = (
        "Makes the database roles named by DATABASE_OWNER_URL, DATABASE_URL and DATABASE_READONLY_ROLE where they are "
        "missing, with the passwords of those addresses, gives the tables to the owner and sets every role's rights."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin-url",
            default="",
            help="Log in with this address, which must name the same database, instead of DATABASE_OWNER_URL: "
            "a role that may create roles.",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, admin_url: str, format: str, **options: Any) -> None:  # noqa: A002 (the option's name)
        owner_url = settings.DATABASE_OWNER_URL
        if not owner_url:
            raise CommandError("DATABASE_OWNER_URL is not set: it names the role that owns the tables.", returncode=2)
        configured = roles.configured()
        if not configured.are_apart:
            raise CommandError("DATABASE_OWNER_URL and DATABASE_URL name the same role.", returncode=2)
        runtime = settings.DATABASES["default"]
        logins = [roles.Login.of(owner_url), roles.Login(runtime["USER"], runtime["PASSWORD"])]
        if configured.readonly:
            logins.append(roles.Login(configured.readonly))
        try:
            with psycopg.connect(admin_url or owner_url, autocommit=True) as connection:
                report = _set_up(connection, configured, logins)
        except psycopg.errors.InsufficientPrivilege as refusal:
            raise CommandError(
                f"{refusal.diag.message_primary}. Name a login that may create roles with --admin-url.", returncode=2
            ) from refusal
        except psycopg.OperationalError as failure:
            raise CommandError(f"The database cannot be reached: {failure}", returncode=1) from failure

        if format == "json":
            self.stdout.write(json.dumps(report))
            return
        for what, names in report.items():
            self.stdout.write(f"{what:<8} {len(names)}")
            for name in names:
                self.stdout.write(f"         {name}")


def _set_up(
    connection: psycopg.Connection[Any], configured: roles.Roles, logins: list[roles.Login]
) -> dict[str, list[str]]:
    with connection.transaction():
        made = roles.create(connection, logins)
        owner, schema = sql.Identifier(configured.owner), sql.Identifier(roles.SCHEMA)
        [(acts_as_owner,)] = connection.execute("SELECT pg_has_role(%s, 'USAGE')", [configured.owner]).fetchall()
        if not acts_as_owner:
            # Since PostgreSQL 16 the maker of a role is its administrator but cannot yet act as it.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
        connection.execute(sql.SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema))
        connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(schema, owner))
        for login in logins:
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(connection.info.dbname), sql.Identifier(login.role)
                )
            )
        moved = roles.take_over(connection, configured.owner)
        change = roles.apply(connection, configured)
    return {
        "made": made,
        "moved": moved,
        "granted": [str(grant) for grant in change.missing],
        "revoked": [str(grant) for grant in change.surplus],
    }
