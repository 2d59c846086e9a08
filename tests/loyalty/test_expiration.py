"""What a night takes (specs: "Expiry")."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, PointLot, Program
from loyalty.operations import cards, expiration, points, redemptions
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import make_member

DAY = timedelta(hours=24)


def policy(member, kind: ExpiryPolicy, **rules) -> Program:
    """The program gets this policy: 30 days either way, no warnings unless asked for."""
    given = {"points_expiration_days": 30, "points_valid_days": 30, "expiration_warning_days": 0}
    Program.objects.filter(pk=member.program_id).update(expiry_policy=kind, **(given | rules))
    member.program.refresh_from_db()
    return member.program


def night(program: Program, at: datetime, run_id: UUID | None = None, **options):
    return expiration.expire(programs=[program], at=at, run_id=run_id or new_id(), **options)


def test_the_whole_free_balance_expires_at_exactly_n_days(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")

    early = night(program, noon + 30 * DAY - timedelta(microseconds=1))
    run_id = new_id()
    due = night(program, noon + 30 * DAY, run_id)
    again = night(program, noon + 31 * DAY)

    alice.refresh_from_db()
    entry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)
    assert (early["members"], due["members"], due["points"], again["members"]) == (0, 1, 100, 0)
    assert (entry.points_delta, entry.run_id, entry.occurred_at) == (-100, run_id, noon + 30 * DAY)
    assert entry.metadata["policy"] == "inactivity"
    assert (alice.points_balance, alice.lifetime_points, alice.last_activity_at) == (0, 100, noon)
    assert OutboxEvent.objects.filter(kind="loyalty.points_expired").count() == 1


def test_a_purchase_of_nothing_keeps_points_alive(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    buy("0.00", order="2", days=10)

    assert night(program, noon + 35 * DAY)["members"] == 0
    assert night(program, noon + 40 * DAY)["members"] == 1


def test_a_refund_or_correction_keeps_nothing_alive(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    points.adjust(member=alice, points=5, reason="r", actor=None, key=None, at=noon + 20 * DAY)

    assert night(program, noon + 30 * DAY)["points"] == 105


def test_what_is_held_is_spared_until_the_first_run_after_its_release(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    redemption = redemptions.hold(member=alice, points=40, at=noon)

    assert night(program, noon + 30 * DAY)["points"] == 60
    assert night(program, noon + 31 * DAY)["points"] == 0
    redemptions.cancel(redemption=redemption, at=noon + 31 * DAY)
    assert night(program, noon + 32 * DAY)["points"] == 40


def test_stamps_stay(alice, buy, counter, noon):
    from loyalty.operations import stamps

    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    stamps.add(member=alice, store=counter, at=noon, count=3)

    night(program, noon + 30 * DAY)

    alice.refresh_from_db()
    assert (alice.points_balance, alice.stamp_count) == (0, 3)


def test_lots_expire_each_at_its_own_moment_one_entry_a_member_and_run(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    first = buy("1.00", order="1")
    second = buy("2.00", order="2", days=1)
    third = buy("3.00", order="3", days=2)

    counts = night(program, noon + 31 * DAY)

    entry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)
    assert (counts["members"], counts["points"], counts["lots"]) == (1, 30, 2)
    assert entry.metadata["lots"] == [{"lot": str(first.pk), "points": 10}, {"lot": str(second.pk), "points": 20}]
    assert dict(PointLot.objects.values_list("pk", "status")) == {
        first.pk: "expired",
        second.pk: "expired",
        third.pk: "scheduled",
    }


def test_undated_points_from_before_the_policy_never_expire_by_lots(alice, buy, noon):
    buy("10.00", order="1")
    program = policy(alice, ExpiryPolicy.LOTS)
    buy("1.00", order="2")

    night(program, noon + 1000 * DAY)

    alice.refresh_from_db()
    assert alice.points_balance == 100


def test_holds_spare_due_lots_across_several(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    for day in range(3):
        buy("1.00", order=str(day), days=day)
    buy("1.00", order="later", days=20)
    redemption = redemptions.hold(member=alice, points=15, at=noon)

    counts = night(program, noon + 40 * DAY)

    # Due 30, held 15: the run takes 15, soonest first; the 10 that are not due cover nothing.
    assert (counts["points"], counts["lots"]) == (15, 2)
    assert list(PointLot.objects.order_by("number").values_list("consumed", flat=True)) == [10, 5, 0, 0]
    redemptions.cancel(redemption=redemption, at=noon + 40 * DAY)
    assert night(program, noon + 41 * DAY)["points"] == 15


def test_a_hold_of_more_than_is_due_spares_everything(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    buy("1.00", order="1")
    buy("5.00", order="2", days=20)
    redemptions.hold(member=alice, points=20, at=noon)

    assert night(program, noon + 31 * DAY)["members"] == 0


def test_fulfilling_a_hold_takes_the_due_lots_it_covered(alice, buy, noon):
    policy(alice, ExpiryPolicy.LOTS)
    due = buy("1.00", order="1")
    buy("5.00", order="2", days=20)
    redemption = redemptions.hold(member=alice, points=20, at=noon)

    redemptions.fulfil(redemption=redemption, at=noon + 31 * DAY)

    assert PointLot.objects.get(pk=due.pk).status == "consumed"


@pytest.mark.parametrize(("last_purchase", "taken"), [(0, 30), (5, 10)])
def test_under_both_the_earlier_wins(alice, buy, noon, last_purchase, taken):
    program = policy(alice, ExpiryPolicy.BOTH, points_expiration_days=28)
    buy("1.00", order="1")
    buy("2.00", order="2", days=last_purchase)

    counts = night(program, noon + 31 * DAY)

    assert (counts["members"], counts["points"]) == (1, taken)


def test_inactive_programs_and_members_are_left_out_and_reactivation_restarts_the_clock(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.BOTH)
    buy("10.00")
    cards.deactivate(member=alice, at=noon)
    assert night(program, noon + 30 * DAY)["members"] == 0

    cards.reactivate(member=alice, at=noon + 40 * DAY)
    Program.objects.update(expiry_policy=ExpiryPolicy.INACTIVITY)
    program.refresh_from_db()
    assert night(program, noon + 69 * DAY)["members"] == 0

    program.is_active = False
    assert night(program, noon + 70 * DAY)["members"] == 0
    program.is_active = True
    assert night(program, noon + 70 * DAY)["members"] == 1


def test_without_a_policy_nothing_expires(alice, buy, noon):
    buy("10.00")

    assert night(alice.program, noon + 10_000 * DAY)["members"] == 0


def test_chunks_go_on_until_nobody_is_left(program, buy, noon):
    members = [make_member(program, f"m{number}") for number in range(7)]
    program = policy(members[0], ExpiryPolicy.INACTIVITY)
    for number, member in enumerate(members):
        buy("1.00", order=str(number), member=member)

    counts = night(program, noon + 30 * DAY, chunk=2)

    assert (counts["members"], counts["points"], counts["skipped_locked"]) == (7, 70, 0)


def test_a_preview_says_what_the_run_then_does(alice, program, buy, noon):
    program = policy(alice, ExpiryPolicy.BOTH, expiration_warning_days=14, points_expiration_days=60)
    for number, days in enumerate((0, 5, 40)):
        member = make_member(program, f"m{number}")
        member.program = program
        buy("1.00", order=str(number), member=member, days=days)
    at = noon + 45 * DAY

    foreseen = expiration.preview(program, at)
    done = night(program, at)

    assert (foreseen.members, foreseen.points, foreseen.lots) == (done["members"], done["points"], done["lots"])
    assert foreseen.members == 2
    assert foreseen.unwarned == 2
    assert LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED).count() == 2


def test_the_last_run_time_is_the_last_two_oclock(noon):
    two = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

    assert expiration.last_run_time(noon) == two
    assert expiration.last_run_time(two) == two
    assert expiration.last_run_time(two - timedelta(seconds=1)) == two - DAY
