"""What this app itself stores of a person: the customer's own row."""

from datetime import datetime
from typing import Any

from django.forms.models import model_to_dict

from loyalty_site.ids import new_id
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer

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


def register() -> None:
    """Answer for the customers' table."""
    privacy.keep(Customer._meta.db_table, columns=_TELLING, export=_export, forget=_forget)


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
