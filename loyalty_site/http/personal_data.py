"""What the doors keep of a person: the answers they gave about them, and how often they called."""

import json
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from loyalty_site.http.models import IdempotentAnswer, RateLimitedHour, RateWindow
from loyalty_site.ids import new_id
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer


def register() -> None:
    """Answer for the answers and for the counts of calls."""
    privacy.keep(IdempotentAnswer._meta.db_table, columns=["credential", "body"], export=_export, forget=_forget)
    for model in (RateWindow, RateLimitedHour):
        privacy.keep(
            model._meta.db_table,
            columns=["subject"],
            export=partial(_export_calls, model),
            forget=partial(_forget_calls, model),
        )


def _export(customer: Customer) -> list[dict[str, Any]]:
    answers = _answers(customer).order_by("created_at")
    return [
        answer | {"body": json.loads(answer["body"]) if answer["body"] is not None else None}
        for answer in answers.values("key", "status", "body", "created_at")
    ]


def _forget(customer: Customer, at: datetime) -> None:
    # The row stays: a retry must not make the change again. It is told that the answer is gone.
    _answers(customer).update(body=None)
    IdempotentAnswer.objects.filter(credential=_name(customer)).update(credential=f"forgotten:{new_id()}")


def _answers(customer: Customer) -> "QuerySet[IdempotentAnswer]":
    """Answers about the customer, and those given to them."""
    return IdempotentAnswer.objects.filter(Q(customer_id=customer.pk) | Q(credential=_name(customer)))


def _name(customer: Customer) -> str:
    """What stands for the customer's own calls (authentication.MemberAuthentication)."""
    return f"member:{customer.merchant_id}:{customer.user_id}"


def _export_calls(model: type[RateWindow | RateLimitedHour], customer: Customer) -> list[dict[str, Any]]:
    rows = model.objects.filter(subject=_name(customer)).order_by("begins_at")
    return [{"begins_at": row.begins_at, "calls": row.calls} for row in rows]


def _forget_calls(model: type[RateWindow | RateLimitedHour], customer: Customer, at: datetime) -> None:
    model.objects.filter(subject=_name(customer)).delete()
