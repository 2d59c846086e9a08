"""What the doors keep of a person: the answers they gave about them, and how often they called."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Case, F, JSONField, Q, QuerySet, Value, When
from django.db.models.functions import Cast

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


def _export(customer: Customer) -> QuerySet[Any, Any]:
    answers = _answers(customer).order_by("created_at")
    return answers.annotate(answer=Cast("body", JSONField())).values("key", "status", "answer", "created_at")


def _forget(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # The row stays: a retry must not make the change again. It is told that the answer is gone.
    name = Case(When(credential=_name(customer), then=Value(f"forgotten:{new_id()}")), default=F("credential"))
    return [privacy.update(_answers(customer), body=None, credential=name)]


def _answers(customer: Customer) -> "QuerySet[IdempotentAnswer]":
    """Answers about the customer, and those given to them."""
    return IdempotentAnswer.objects.filter(Q(customer_id=customer.pk) | Q(credential=_name(customer)))


def _name(customer: Customer) -> str:
    """What stands for the customer's own calls (authentication.MemberAuthentication)."""
    return f"member:{customer.merchant_id}:{customer.user_id}"


def _export_calls(model: type[RateWindow | RateLimitedHour], customer: Customer) -> QuerySet[Any, Any]:
    return model.objects.filter(subject=_name(customer)).order_by("begins_at").values("begins_at", "calls")


def _forget_calls(
    model: type[RateWindow | RateLimitedHour], customer: Customer, at: datetime
) -> list[privacy.Statement]:
    return [privacy.delete(model.objects.filter(subject=_name(customer)))]
