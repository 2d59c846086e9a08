"""`migrate`, run by the role that owns the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from loyalty_site.tenants import roles


class Command(migrate.Command):
    """Django's migrate, as the role of DATABASE_OWNER_URL; at its end every role has the rights declared for it."""

    help = f"{migrate.Command.help} Runs as the role of DATABASE_OWNER_URL, then sets the rights of all roles."

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        configured = roles.configured()
        with _as_owner(alias):
            try:
                super().handle(*args, **options)
            finally:
                # Also when a migration fails: those before it have committed, and are being served.
                if configured.are_apart and not (options["plan"] or options["check_unapplied"]):
                    self._set_rights(alias, configured, verbosity=options["verbosity"])

    def _set_rights(self, alias: str, configured: roles.Roles, *, verbosity: int) -> None:
        connection = connections[alias]
        connection.ensure_connection()
        change = roles.apply(connection.connection, configured)
        if verbosity and change:
            self.stdout.write(f"Rights: {len(change.missing)} granted, {len(change.surplus)} revoked.")
        if verbosity > 1:
            for grant in change.missing:
                self.stdout.write(f"  granted {grant}")
            for grant in change.surplus:
                self.stdout.write(f"  revoked {grant}")


@contextmanager
def _as_owner(alias: str) -> Iterator[None]:
    """Let the connection log in as the owner, where settings name one."""
    if not settings.DATABASE_OWNER_URL:
        yield
        return
    connection = connections[alias]
    as_runtime = connection.settings_dict
    login = roles.owner_settings(settings.DATABASE_OWNER_URL)
    # The database stays the connection's own: it may be a test's, made from another.
    del login["NAME"]
    connection.close()
    # A new dictionary: that of settings goes on naming the runtime role.
    connection.settings_dict = {**as_runtime, **login}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = as_runtime
