"""What the log of webhooks stores of a person: ids, and the number of the card."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty.models import Member
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import WebhookDelivery


def register() -> None:
    """Answer for the log."""
    privacy.keep(WebhookDelivery._meta.db_table, columns=["body"], export=_export, forget=_forget)


def _export(customer: Customer) -> QuerySet[Any, Any]:
    told = WebhookDelivery.objects.filter(member_id__in=Member.objects.filter(customer=customer).values("pk"))
    return told.order_by("pk").values("id", "event_id", "kind", "body", "status", "created_at", "delivered_at")


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # What is on its way goes out all the same, without the card's number: receivers must hear that a person is gone.
    return [
        privacy.Statement(
            "UPDATE webhook_deliveries SET "
            "body = (body::jsonb #- '{data,card_number}' #- '{data,old_card_number}')::text "
            "WHERE member_id IN (SELECT id FROM loyalty_members WHERE customer_id = %s) AND body LIKE %s",
            [customer.pk, "%card_number%"],
        )
    ]
