"""What this app stores of a person."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty.models import Member
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import Preference, WebhookDelivery

_TOLD: tuple[str, ...] = ("id", "email", "sms", "push", "quiet_from", "quiet_until", "updated_at")


def register() -> None:
    """Answer for this app's tables."""
    privacy.keep(Preference._meta.db_table, columns=["quiet_from", "quiet_until"], export=_export, forget=_forget)
    privacy.keep(
        WebhookDelivery._meta.db_table, columns=["body"], export=_export_deliveries, forget=_forget_cards_in_deliveries
    )


def _export(customer: Customer) -> QuerySet[Any, Any]:
    return Preference.objects.filter(customer=customer).values(*_TOLD)


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.delete(Preference.objects.filter(customer=customer))]


def _export_deliveries(customer: Customer) -> QuerySet[Any, Any]:
    told = WebhookDelivery.objects.filter(member_id__in=Member.objects.filter(customer=customer).values("pk"))
    return told.order_by("pk").values("id", "event_id", "kind", "body", "status", "created_at", "delivered_at")


def _forget_cards_in_deliveries(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # What is on its way goes out all the same, without the card's number: receivers must hear that a person is gone.
    return [
        privacy.Statement(
            "UPDATE webhook_deliveries SET "
            "body = (body::jsonb #- '{data,card_number}' #- '{data,old_card_number}')::text "
            "WHERE member_id IN (SELECT id FROM loyalty_members WHERE customer_id = %s) AND body LIKE %s",
            [customer.pk, "%card_number%"],
        )
    ]
