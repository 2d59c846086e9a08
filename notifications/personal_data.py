"""What this app stores of a person."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import Delivery, Message, Preference, Suppression, Withdrawal

_TOLD: tuple[str, ...] = ("id", "email", "sms", "push", "quiet_from", "quiet_until", "updated_at")

_TOLD_OF_A_MESSAGE = ("id", "code", "kind", "variables", "locale", "recipient", "status", "error", "created_at")
_TOLD_OF_A_DELIVERY = (
    *("id", "code", "channel", "locale", "recipient", "status", "created_at"),
    *("delivered_at", "opened_at", "clicked_at", "bounced_at", "complained_at"),
)


def register() -> None:
    """Answer for this app's tables."""
    privacy.keep(Preference._meta.db_table, columns=["quiet_from", "quiet_until"], export=_export, forget=_forget)
    privacy.keep(
        Message._meta.db_table,
        columns=["recipient", "variables", "error"],
        export=lambda customer: _messages_of(customer).order_by("id").values(*_TOLD_OF_A_MESSAGE),
        forget=_forget_messages,
    )
    privacy.keep(
        Delivery._meta.db_table,
        columns=["recipient", "error"],
        export=lambda customer: _deliveries_of(customer).order_by("id").values(*_TOLD_OF_A_DELIVERY),
        forget=lambda customer, at: [privacy.update(_deliveries_of(customer), recipient="", error="")],
    )
    privacy.keep(
        Suppression._meta.db_table,
        columns=["address", "detail", "lifted_because"],
        export=lambda customer: suppressions_of(customer).values("channel", "address", "reason", "created_at"),
        forget=lambda customer, at: [privacy.delete(suppressions_of(customer))],
    )
    privacy.keep(
        Withdrawal._meta.db_table,
        columns=["source"],
        export=lambda customer: Withdrawal.objects.filter(customer=customer).values("source", "at"),
        forget=lambda customer, at: None,
    )


def _export(customer: Customer) -> QuerySet[Any, Any]:
    return Preference.objects.filter(customer=customer).values(*_TOLD)


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.delete(Preference.objects.filter(customer=customer))]


def _messages_of(customer: Customer) -> QuerySet[Message]:
    """Those to the customer, those that invite in their name, and those to their address before they joined."""
    about = Q(customer=customer) | Q(member__customer=customer)
    if customer.email:
        about |= Q(pk__in=_to(Message, customer).values("pk"))
    return Message.objects.filter(merchant=customer.merchant_id).filter(about)


def _deliveries_of(customer: Customer) -> QuerySet[Delivery]:
    about = Q(customer=customer) | Q(message__member__customer=customer)
    if customer.email:
        about |= Q(pk__in=_to(Delivery, customer).values("pk"))
    return Delivery.objects.filter(pk__in=Delivery.objects.filter(about, merchant=customer.merchant_id).values("pk"))


def _to(model: type[Message] | type[Delivery], customer: Customer) -> QuerySet[Any]:
    rows = model._default_manager.annotate(plain=Lower("recipient"))
    return rows.filter(merchant=customer.merchant_id, plain=customer.email.lower())


def suppressions_of(customer: Customer) -> QuerySet[Suppression]:
    """The customer's addresses that the merchant does not write to."""
    addresses = [customer.email.lower(), str(customer.phone_number), customer.push_token]
    return Suppression.objects.filter(merchant=customer.merchant_id, address__in=[each for each in addresses if each])


def _forget_messages(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # Emptied and not deleted: how many were sent, and what became of them, the figures need.
    rows = Message.objects.filter(pk__in=_messages_of(customer).values("pk"))
    return [privacy.update(rows, recipient="", variables={}, error="")]
