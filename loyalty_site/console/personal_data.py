"""Django's own record of what staff changed: it repeats names, and forgets them with the person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import CharField, Model, Q, QuerySet
from django.db.models.functions import Cast

from loyalty.models import CheckoutIntent, LedgerEntry, Member, PointLot, Redemption, ReplacedCard
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import Delivery, Message, Suppression
from notifications.personal_data import suppressions_of
from referrals.models import DeviceTrace, GuardrailAuditEvent, GuardrailOverride, Invite, ReferralReview

# How the rows of a person are found, in each table whose rows the console can change.
_ROWS: dict[type[Model], Callable[[Customer], QuerySet[Any]]] = {
    Customer: lambda customer: Customer.objects.filter(pk=customer.pk),
    Member: lambda customer: Member.objects.filter(customer=customer),
    Redemption: lambda customer: Redemption.objects.filter(member__customer=customer),
    Message: lambda customer: Message.objects.filter(customer=customer),
    Delivery: lambda customer: Delivery.objects.filter(customer=customer),
    Suppression: lambda customer: suppressions_of(customer),
    Invite: lambda customer: Invite.objects.filter(
        Q(referrer__customer=customer) | Q(invitee__customer=customer), merchant_id=customer.merchant_id
    ),
    ReferralReview: lambda customer: ReferralReview.objects.filter(
        Q(invite__referrer__customer=customer) | Q(invite__invitee__customer=customer),
        merchant_id=customer.merchant_id,
    ),
    GuardrailOverride: lambda customer: GuardrailOverride.objects.filter(
        merchant_id=customer.merchant_id, target_member__customer=customer
    ),
}
# Only looked at, never logged: nobody changes an entry, a lot or an old card in the console.
NEVER_LOGGED: tuple[type[Model], ...] = (
    CheckoutIntent,
    LedgerEntry,
    PointLot,
    ReplacedCard,
    DeviceTrace,
    GuardrailAuditEvent,
)


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
        keys = rows(customer).annotate(named=Cast("pk", CharField())).values("named")
        mine |= Q(
            content_type__app_label=model._meta.app_label,
            content_type__model=model._meta.model_name,
            object_id__in=keys,
        )
    return LogEntry.objects.filter(mine)


def _export(customer: Customer) -> QuerySet[Any, Any]:
    return _about(customer).order_by("pk").values("action_time", "object_repr", "change_message")


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.update(_about(customer), object_repr="", change_message="")]
