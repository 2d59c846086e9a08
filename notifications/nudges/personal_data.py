"""What nudges store of a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications.models import Nudge, NudgeDispatchEvent, NudgeExposure

_NUDGE = (
    "id", "nudge_type", "source_id", "status", "campaign_slug", "channels", "payload", "created_at", "expires_at",
    "last_triggered_at", "acknowledged_at", "dismissed_at", "last_sent_at",
)  # fmt: skip
_EVENT = ("id", "nudge_id", "campaign_slug", "channel", "sent_at", "outcome", "provider_id", "error")
_EXPOSURE = ("id", "campaign_slug", "nudged_at", "held_out_at", "last_at")


def register() -> None:
    """Answer for the tables of nudges."""
    privacy.keep(
        Nudge._meta.db_table, columns=["payload"], export=_all(Nudge, "member__customer", _NUDGE), forget=_forget_nudges
    )
    privacy.keep(
        NudgeDispatchEvent._meta.db_table,
        columns=["provider_id", "error"],
        export=_all(NudgeDispatchEvent, "nudge__member__customer", _EVENT),
        forget=_forget_attempts,
    )
    privacy.keep(
        NudgeExposure._meta.db_table,
        columns=[],
        export=_all(NudgeExposure, "member__customer", _EXPOSURE),
        forget=_keep_exposures,
    )


def _all(model: Any, path: str, names: tuple[str, ...]) -> Callable[[Customer], QuerySet[Any, Any]]:
    return lambda customer: model.objects.filter(**{path: customer}).values(*names)


def _forget_nudges(customer: Customer, at: datetime) -> list[privacy.Statement]:
    """The words go; that there was a nudge stays, for the figures of its campaign."""
    mine = Nudge.objects.filter(member__in=customer.memberships.values("pk"))
    return [privacy.update(mine, payload={}, status=Nudge.Status.EXPIRED)]


def _forget_attempts(customer: Customer, at: datetime) -> list[privacy.Statement]:
    mine = NudgeDispatchEvent.objects.filter(nudge__in=Nudge.objects.filter(member__customer=customer).values("pk"))
    return [privacy.update(mine, provider_id="", error="")]


def _keep_exposures(customer: Customer, at: datetime) -> None:
    """Times and a campaign's name tell nothing of a person without a name; the comparison needs both sides whole."""
