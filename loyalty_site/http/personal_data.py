"""What the doors keep of a person: the answers they gave about them."""

import json
from datetime import datetime
from typing import Any

from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer


def register() -> None:
    """Answer for the table of answers."""
    privacy.keep(IdempotentAnswer._meta.db_table, columns=["body"], export=_export, forget=_forget)


def _export(customer: Customer) -> list[dict[str, Any]]:
    answers = IdempotentAnswer.objects.filter(customer_id=customer.pk).order_by("created_at")
    return [
        answer | {"body": json.loads(answer["body"]) if answer["body"] is not None else None}
        for answer in answers.values("key", "status", "body", "created_at")
    ]


def _forget(customer: Customer, at: datetime) -> None:
    # The row stays: a retry must not make the change again. It is told that the answer is gone.
    IdempotentAnswer.objects.filter(customer_id=customer.pk).update(body=None)
