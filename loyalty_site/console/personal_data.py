"""Django's own record of what staff changed: it repeats names, and forgets them with the person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from loyalty.models import CheckoutIntent, LedgerEntry, Member, PointLot, Redemption, ReplacedCard
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer

# How the rows of a person are found, in each table whose rows the console can change.
_ROWS: dict[type[Model], Callable[[Customer], QuerySet[Any]]] = {
    Customer: lambda customer: Customer.objects.filter(pk=customer.pk),
    Member: lambda customer: Member.objects.filter(customer=customer),
    Redemption: lambda customer: Redemption.objects.filter(member__customer=customer),
}
# Only looked at, never logged: nobody changes an entry, a lot or an old card in the console.
NEVER_LOGGED: tuple[type[Model], ...] = (CheckoutIntent, LedgerEntry, PointLot, ReplacedCard)


def register() -> None:
    """Answer for the console's own table."""
    privacy.keep(
        LogEntry._meta.db_table,
        columns=["object_repr", "change_message"],
        export=_export,
        forget=_forget,
    )


def _about(customer: Customer) -> QuerySet[LogEntry]:
    mine = Q(pk__in=[])
    for model, rows in _ROWS.items():
        keys = [str(pk) for pk in rows(customer).values_list("pk", flat=True)]
        mine |= Q(content_type=ContentType.objects.get_for_model(model), object_id__in=keys)
    return LogEntry.objects.filter(mine)


def _export(customer: Customer) -> list[dict[str, Any]]:
    rows = _about(customer).order_by("pk").values("action_time", "object_repr", "change_message")
    return [dict(row) for row in rows]


def _forget(customer: Customer, at: datetime) -> None:
    _about(customer).update(object_repr="", change_message="")
