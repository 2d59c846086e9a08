"""The landing page: each merchant's figures as they are now."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty.operations import expiration
from loyalty_site.console import analytics, attention, business
from loyalty_site.console.business import Business
from loyalty_site.jobs.models import Run
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant
from loyalty_site.tenants.scoping import own_rows

SOON = timedelta(days=14)
_MOST_MERCHANTS = 12
_MOST_RUNS = 8


@dataclass
class Figures:
    """One merchant at this moment. `due` is what a run at the end of `SOON` would take, as things stand.

    `business` is for those who see the merchant's analytics.
    """

    merchant: Merchant
    members: int = 0
    active: int = 0
    points: int = 0
    held: int = 0
    due_points: int = 0
    due_members: int = 0
    programs: list[Program] = field(default_factory=list)
    business: Business | None = None


def context(request: HttpRequest) -> dict[str, Any]:
    """What the page shows this user."""
    from django.contrib import admin

    merchants = own_rows(admin.site, request.user, Merchant)
    shown = list(merchants.order_by("name")[: _MOST_MERCHANTS + 1])
    now, found = timezone.now(), figures(shown[:_MOST_MERCHANTS])
    analysed = set(own_rows(admin.site, request.user, Merchant, analytics.PERMISSION).values_list("pk", flat=True))
    told = business.figures([one.merchant for one in found if one.merchant.pk in analysed], at=now)
    for one in found:
        one.business = told.get(one.merchant.pk)
    runs = own_rows(admin.site, request.user, Run).exclude(job__startswith="outbox.").exclude(job__startswith="jobs.")
    return {
        "notices": attention.notices(request),
        "figures": found,
        "business_days": business.DAYS,
        "healthy_redemption": analytics.HEALTHY_REDEMPTION,
        "healthy_retention": analytics.HEALTHY_RETENTION,
        "is_cut": len(shown) > _MOST_MERCHANTS,
        "soon_days": SOON.days,
        "sees_runs": permissions.holds_anywhere(request.user, "jobs.view_run"),
        "runs": runs.select_related("merchant").order_by("-started_at")[:_MOST_RUNS],
        "now": now,
    }


def figures(merchants: list[Merchant]) -> list[Figures]:
    """Counted now, not kept: a figure that is shown is true."""
    found: dict[UUID, Figures] = {merchant.pk: Figures(merchant) for merchant in merchants}
    counted = (
        Member.objects.filter(merchant__in=merchants)
        .values("merchant_id")
        .annotate(
            members=Count("pk"),
            active=Count("pk", filter=Q(is_active=True)),
            points=Sum("points_balance"),
            held=Sum("points_held"),
        )
    )
    for row in counted:
        one = found[row["merchant_id"]]
        one.members, one.active, one.points, one.held = row["members"], row["active"], row["points"], row["held"]
    at = timezone.now() + SOON
    for program in Program.objects.filter(merchant__in=merchants, is_active=True).order_by("name"):
        one = found[program.merchant_id]
        one.programs.append(program)
        ahead = expiration.preview(program, at)
        one.due_points += ahead.points
        one.due_members += ahead.members
    return list(found.values())
