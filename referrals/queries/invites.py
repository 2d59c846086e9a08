"""A member's invites, counted."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, Sum

from loyalty.models import Member
from referrals.models import Invite


@dataclass(frozen=True, slots=True)
class Totals:
    """How many are where; points credited to the member; when one last changed."""

    by_status: dict[str, int]
    points: int
    last_activity: datetime | None


def totals(member: Member) -> Totals:
    """The member's invites in one query."""
    counts = {status: Count("pk", filter=Q(status=status)) for status in Invite.Status.values}
    found = Invite.objects.filter(referrer=member).aggregate(
        points=Sum("reward_points", filter=Q(reward_state=Invite.RewardState.PAID)), last=Max("updated_at"), **counts
    )
    return Totals(
        by_status={status: found[status] for status in Invite.Status.values},
        points=found["points"] or 0,
        last_activity=found["last"],
    )
