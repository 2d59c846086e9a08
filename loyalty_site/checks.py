"""System checks of the house: `manage.py check --database default` asks the database itself."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import connections

from loyalty_site import startup
from loyalty_site.tenants import roles


@register(Tags.database)
def runtime_role_cannot_write_past_the_ledger(
    *, databases: Sequence[str] | None = None, **others: Any
) -> list[CheckMessage]:
    """Say what is lost where one database role does everything."""
    if not databases or "default" not in databases:
        return []
    if connections["default"].settings_dict["USER"] != settings.DATABASES["default"]["USER"]:
        # `migrate` is at work as the owner; it sets the grants when it is done.
        return []
    try:
        found = startup.weaknesses_of_the_runtime_role()
    except psycopg.OperationalError:
        return []
    return [
        checks.Warning(f"{because[0].upper()}{because[1:]}.", hint=roles.WHAT_IS_LOST, id="loyalty_site.W001")
        for because in found
    ]


@register(Tags.database)
def both_addresses_name_one_database(*, databases: Sequence[str] | None = None, **others: Any) -> list[CheckMessage]:
    """Refuse an owner's address that leads elsewhere: `migrate` would prepare a database nobody uses."""
    if not settings.DATABASE_OWNER_URL:
        return []
    named = roles.owner_settings(settings.DATABASE_OWNER_URL)["NAME"]
    serving = settings.DATABASES["default"]["NAME"]
    if named == serving:
        return []
    return [
        checks.Error(
            f"DATABASE_OWNER_URL names the database {named}, DATABASE_URL names {serving}.",
            id="loyalty_site.E001",
        )
    ]
