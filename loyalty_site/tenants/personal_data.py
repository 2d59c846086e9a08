"""What this app itself stores of a person: the customer's own row, and that they asked to be forgotten."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.forms.models import model_to_dict

from loyalty_site.ids import new_id
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer, ErasureRequest

_TELLING = (
    "user_id",
    "external_ref",
    "first_name",
    "last_name",
    "email",
    "phone_number",
    "push_token",
    "locale",
    "time_zone",
    "birth_date",
    "marketing_consent_source",
)

_TOLD_OF_REQUESTS: tuple[str, ...] = ("id", "requested_at", "due_at", "done_at")


def register() -> None:
    """Answer for the customers' table, and for their requests to be forgotten."""
    privacy.keep(Customer._meta.db_table, columns=_TELLING, export=_export, forget=_forget)
    privacy.keep(ErasureRequest._meta.db_table, columns=[], export=_export_requests, forget=_close_requests)


def _export(customer: Customer) -> list[dict[str, Any]]:
    row = model_to_dict(customer, exclude=["merchant"])
    return [row | {"id": customer.pk, "user_id": customer.user_id, "created_at": customer.created_at}]


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    forgotten = privacy.update(
        Customer.objects.filter(pk=customer.pk),
        user_id=new_id(),
        external_ref="",
        first_name="",
        last_name="",
        email="",
        phone_number="",
        push_token="",
        locale="",
        time_zone="",
        birth_date=None,
        marketing_consent=False,
        marketing_consent_at=None,
        marketing_consent_source="",
        anonymized_at=at,
    )
    return [forgotten]


def _export_requests(customer: Customer) -> QuerySet[Any, Any]:
    rows = ErasureRequest.objects.filter(customer=customer).order_by("requested_at")
    return rows.values(*_TOLD_OF_REQUESTS)


def _close_requests(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.update(ErasureRequest.objects.filter(customer=customer, done_at=None), done_at=at)]
