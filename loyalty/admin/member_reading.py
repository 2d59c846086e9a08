"""What a member's page reads: by the member's own indexes, a page at a time, however long the ledger."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from loyalty.models import EntryType, LedgerEntry, Member, PointLot, Redemption, Tier
from loyalty.operations import tiers

ENTRIES_A_PAGE = 25
MOST_LOTS = 50
MOST_REDEMPTIONS = 20
_MOST_EXPIRIES = 20


@dataclass(frozen=True)
class EntriesPage:
    """Some entries, newest first, and the numbers that lead on: entries are numbered 1, 2, 3 without a gap."""

    entries: list[LedgerEntry]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class Restorable:
    """An expiry, and how many of its points nobody gave back yet."""

    entry: LedgerEntry
    room: int


@dataclass(frozen=True)
class Progress:
    """How far it is to the next tier; `percent` of the way from the present one."""

    points: int
    next: Tier | None
    missing: int
    percent: int


def entries_page(member: Member, before: int | None) -> EntriesPage:
    """The entries numbered below `before`; the newest without it."""
    top = member.last_number + 1
    before = top if before is None else max(2, min(before, top))
    entries = list(
        LedgerEntry.objects.filter(member=member, number__lt=before)
        .select_related("store", "actor")
        .order_by("-number")[:ENTRIES_A_PAGE]
    )
    oldest = entries[-1].number if entries else 1
    return EntriesPage(
        entries,
        older=oldest if oldest > 1 else None,
        newer=min(before + ENTRIES_A_PAGE, top) if before < top else None,
    )


def restorable_entries(member: Member) -> list[Restorable]:
    """The member's latest expiries that may still give something back."""
    expiries = list(
        LedgerEntry.objects.filter(member=member, type=EntryType.POINTS_EXPIRED).order_by("-number")[:_MOST_EXPIRIES]
    )
    given: Counter[UUID] = Counter()
    for answered, points in LedgerEntry.objects.filter(answers_id__in=[expiry.pk for expiry in expiries]).values_list(
        "answers_id", "points_delta"
    ):
        if answered is not None:
            given[answered] += points
    found = (Restorable(expiry, -expiry.points_delta - given[expiry.pk]) for expiry in expiries)
    return [one for one in found if one.room > 0]


def open_lots(member: Member) -> list[PointLot]:
    """Points with a date that are still there, soonest first."""
    lots = PointLot.objects.filter(member=member, status=PointLot.Status.SCHEDULED)
    return list(lots.order_by("expires_at", "number")[:MOST_LOTS])


def latest_redemptions(member: Member) -> list[Redemption]:
    return list(Redemption.objects.filter(member=member).select_related("store", "reward")[:MOST_REDEMPTIONS])


def next_expiry(member: Member, lots: list[PointLot]) -> datetime | None:
    """When points are next due to expire, as things stand; None where nothing is."""
    program = member.program
    if not member.is_active or not program.is_active or member.points_available <= 0:
        return None
    moments = []
    if program.expires_by_inactivity:
        moments.append(member.last_activity_at + program.inactivity_period)
    if program.expires_by_lots and lots:
        moments.append(lots[0].expires_at)
    return min(moments) if moments else None


def progress(member: Member) -> Progress:
    """The way to the next tier (specs/points.md "Tiers")."""
    points = tiers.qualifying_points(member, lifetime_points=member.lifetime_points, at=timezone.now())
    ladder = member.program.ladder
    above = [tier for tier in ladder if tier.point_threshold > points]
    if not above:
        return Progress(points, None, 0, 100 if ladder else 0)
    start = member.tier.point_threshold if member.tier is not None and member.tier.point_threshold <= points else 0
    width = above[0].point_threshold - start
    percent = round(100 * (points - start) / width) if width > 0 else 0
    return Progress(points, above[0], above[0].point_threshold - points, max(0, min(100, percent)))
