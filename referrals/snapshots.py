"""The snapshot of a day: what the analytics API and the console show without counting again."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from django.db import connection, transaction

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant
from referrals.models import AnalyticsSnapshot
from referrals.queries import figures, segments
from referrals.queries.segments import Segments

# An earlier moment, caught up on late, does not replace a later one of the same day.
_KEEP = """
    INSERT INTO loyalty_analytics_snapshots AS kept
        (id, merchant_id, day, computed_at, window_days, members, invites, conversions, points_earned, segments)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (merchant_id, day) DO UPDATE
        SET computed_at = EXCLUDED.computed_at, window_days = EXCLUDED.window_days, members = EXCLUDED.members,
            invites = EXCLUDED.invites, conversions = EXCLUDED.conversions, points_earned = EXCLUDED.points_earned,
            segments = EXCLUDED.segments
        WHERE kept.computed_at <= EXCLUDED.computed_at"""


def capture(
    *, merchants: Iterable[Merchant], at: datetime, told: Callable[[int], None] = lambda merchants: None
) -> Counter[str]:
    """Store the snapshot of `at` for each of the merchants: `merchants` and `members` that were counted.

    Each merchant is a transaction of its own. One that fails does not keep the others from theirs; what was raised is
    raised at the end, as an ExceptionGroup.
    """
    counts: Counter[str] = Counter(merchants=0, members=0)
    failures: list[Exception] = []
    for merchant in merchants:
        try:
            found = _capture_one(merchant, at)
        except Exception as error:
            error.add_note(f"while capturing the snapshot of {merchant.slug}")
            failures.append(error)
        else:
            counts.update(merchants=1, members=found.total("members"))
        told(1)
    if failures:
        raise ExceptionGroup("Some snapshots could not be captured", failures)
    return counts


@transaction.atomic(durable=True)
def _capture_one(merchant: Merchant, at: datetime) -> Segments:
    found = segments.measured(merchant, at)
    keep(merchant, found)
    return found


def keep(merchant: Merchant, found: Segments) -> None:
    """Store what was measured as its day's snapshot. A day is one of UTC, as schedules are."""
    segments_field = AnalyticsSnapshot._meta.get_field("segments")
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                new_id(),
                merchant.pk,
                found.computed_at.astimezone(UTC).date(),
                found.computed_at,
                found.window_days,
                *(found.total(name) for name in ("members", "invites", "conversions", "points_earned")),
                segments_field.get_db_prep_save(found.rows(), connection),
            ],
        )


def count_figures(*, at: datetime) -> Counter[str]:
    """Store beside the newest snapshot what its merchant's pages show, where they cannot count so many members.

    Counts `merchants` and `members`. Each merchant is a transaction of its own, as in `capture`.
    """
    counts: Counter[str] = Counter(merchants=0, members=0)
    failures: list[Exception] = []
    newest = AnalyticsSnapshot.objects.filter(merchant__is_active=True, day__lte=at.astimezone(UTC).date())
    newest = newest.order_by("merchant_id", "-day").distinct("merchant_id").select_related("merchant")
    for snapshot in newest.defer("segments", "figures"):
        if snapshot.members <= figures.LIVE_MEMBERS:
            continue
        try:
            with transaction.atomic(durable=True):
                found = figures.of_the_night(snapshot.merchant, at=at)
                AnalyticsSnapshot.objects.filter(pk=snapshot.pk).update(figures=figures.kept(found))
        except Exception as error:
            error.add_note(f"while counting the figures of {snapshot.merchant.slug}")
            failures.append(error)
        else:
            counts.update(merchants=1, members=snapshot.members)
    if failures:
        raise ExceptionGroup("Some figures could not be counted", failures)
    return counts
