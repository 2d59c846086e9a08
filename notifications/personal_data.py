"""What this app stores of a person."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import Preference

_TOLD: tuple[str, ...] = ("id", "email", "sms", "push", "quiet_from", "quiet_until", "updated_at")


def register() -> None:
    """Answer for this app's tables."""
    privacy.keep(Preference._meta.db_table, columns=["quiet_from", "quiet_until"], export=_export, forget=_forget)


def _export(customer: Customer) -> QuerySet[Any, Any]:
    return Preference.objects.filter(customer=customer).values(*_TOLD)


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.delete(Preference.objects.filter(customer=customer))]
