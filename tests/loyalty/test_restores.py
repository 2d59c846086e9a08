"""Giving back (specs: "Restore, adjust, undo")."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import transaction

from loyalty import ledger
from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, LotAllocation, Member, PointLot
from loyalty.operations import points, redemptions, refunds, restores, stamps, undoing
from loyalty.operations.points import ReasonMissing
from loyalty.operations.restores import NotAnExpiry
from loyalty.operations.settling import settle
from loyalty.operations.undoing import NotUndoable
from loyalty_site.ids import new_id
from loyalty_site.refusals import NotFound
from tests.cast import make_member, refused
from tests.loyalty.test_expiration import DAY, night, policy


def restore(member, points, at, entry=None, key=None, reason="our mistake"):
    return restores.restore(member=member, points=points, reason=reason, actor=None, key=key, at=at, entry=entry)


def undo(run_id, at, **scope):
    return undoing.undo(run_id=run_id, undo_run_id=new_id(), at=at, **scope)


def state(member) -> dict:
    """Everything of a member that an undo must bring back."""
    member.refresh_from_db()
    return {
        "member": (member.points_balance, member.points_held, member.lifetime_points, member.last_activity_at),
        "lots": list(
            PointLot.objects.filter(member=member)
            .order_by("number")
            .values_list("pk", "points", "consumed", "expires_at", "status")
        ),
    }


def test_a_restore_credits_and_restarts_the_clock(alice, buy, noon):
    buy("10.00")

    entry = restore(alice, 50, noon + 10 * DAY)

    alice.refresh_from_db()
    assert (entry.type, entry.points_delta, entry.description) == (EntryType.ADMIN_ADJUSTMENT, 50, "our mistake")
    assert (alice.points_balance, alice.lifetime_points) == (150, 100)
    assert alice.last_activity_at == noon + 10 * DAY


def test_a_restore_is_once_a_key(alice, noon):
    first = restore(alice, 50, noon, key="form")

    assert restore(alice, 50, noon, key="form").pk == first.pk
    with refused(ledger.KeyReused):
        restore(alice, 60, noon, key="form")
    alice.refresh_from_db()
    assert alice.points_balance == 50


def test_many_are_restored_once_each(program, noon):
    members = [make_member(program, f"m{number}") for number in range(30)]
    give = {"members": members, "points": 5, "reason": "storm", "actor": None, "key": "form", "at": noon}

    first, second = restores.restore_many(**give), restores.restore_many(**give)

    assert (len(first.done), first.repeated, len(second.done), second.repeated) == (30, 0, 0, 30)
    assert set(Member.objects.values_list("points_balance", flat=True)) == {5}


def test_a_restore_without_an_entry_gets_a_date_under_a_lots_policy(alice, noon):
    policy(alice, ExpiryPolicy.LOTS)

    restore(alice, 50, noon)

    assert PointLot.objects.get().expires_at == noon + 30 * DAY


def test_a_restore_of_an_expiry_reopens_its_lots_under_the_later_date(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    buy("1.00", order="1")
    buy("2.00", order="2")
    night(program, noon + 31 * DAY)
    expiry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)

    entry = restore(alice, 30, noon + 40 * DAY, entry=expiry)

    lots = PointLot.objects.order_by("number")
    assert [(lot.consumed, lot.status, lot.expires_at) for lot in lots] == [
        (0, "scheduled", noon + 70 * DAY),
        (0, "scheduled", noon + 70 * DAY),
    ]
    assert entry.answers_id == expiry.pk
    assert night(program, noon + 69 * DAY)["members"] == 0
    assert night(program, noon + 70 * DAY)["points"] == 30


def test_a_restore_never_shortens_a_date(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    buy("1.00")
    night(program, noon + 30 * DAY)
    expiry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)

    # Restored as of a day long before: the old date is the later one.
    restore(alice, 10, noon - 20 * DAY, entry=expiry)

    assert PointLot.objects.get().expires_at == noon + 30 * DAY


def test_a_restore_gives_no_more_than_the_expiry_took(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    night(program, noon + 30 * DAY)
    expiry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)

    with refused(ledger.MoreThanWasTaken) as caught:
        restore(alice, 101, noon + 31 * DAY, entry=expiry)
    assert caught.value.facts["room"] == 100
    restore(alice, 60, noon + 31 * DAY, entry=expiry)
    with refused(ledger.MoreThanWasTaken):
        restore(alice, 41, noon + 31 * DAY, entry=expiry)
    restore(alice, 40, noon + 31 * DAY, entry=expiry)

    alice.refresh_from_db()
    assert (alice.points_balance, alice.lifetime_points) == (100, 100)


def test_only_an_expiry_of_this_member_can_be_restored(alice, buy, bookworm, noon):
    purchase = buy("10.00")

    with refused(NotAnExpiry):
        restore(alice, 10, noon, entry=purchase)
    with refused(NotFound):
        restore(bookworm, 10, noon, entry=purchase)
    with refused(ReasonMissing):
        restore(alice, 10, noon, reason=" ")


@pytest.mark.parametrize("kind", [ExpiryPolicy.INACTIVITY, ExpiryPolicy.LOTS, ExpiryPolicy.BOTH])
def test_undoing_a_run_brings_every_balance_and_lot_back(program, buy, counter, noon, kind):
    members = [make_member(program, f"m{number}") for number in range(20)]
    program = policy(members[0], kind)
    for number, member in enumerate(members):
        member.program = program
        buy("3.00", order=f"a{number}", member=member)
        buy("2.00", order=f"b{number}", member=member, days=number % 3)
        if number % 2:
            redemptions.redeem(member=member, store=counter, points=7, order_reference=f"r{number}", at=noon)
        if number % 5 == 0:
            redemptions.hold(member=member, points=number, at=noon) if number else None
    before = [state(member) for member in members]
    run_id = new_id()
    taken = night(program, noon + 32 * DAY, run_id)
    assert taken["members"] == 20

    counts = undo(run_id, noon + 33 * DAY, chunk=7)

    assert [state(member) for member in members] == before
    assert (counts["entries"], counts["points"], counts["shortfall"]) == (20, taken["points"], 0)
    undone = LedgerEntry.objects.filter(type=EntryType.UNDO)
    expiries = LedgerEntry.objects.filter(run_id=run_id)
    assert set(undone.values_list("answers_id", flat=True)) == set(expiries.values_list("pk", flat=True))
    assert night(program, noon + 33 * DAY)["points"] == taken["points"]


def test_a_second_undo_moves_nothing(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    run_id = new_id()
    night(program, noon + 30 * DAY, run_id)
    undo(run_id, noon + 31 * DAY)

    counts = undo(run_id, noon + 32 * DAY)

    alice.refresh_from_db()
    assert (counts["entries"], counts["points"], counts["already_undone"]) == (0, 0, 1)
    assert alice.points_balance == 100
    assert undoing.undoable(run_id=run_id).entries == 0


def test_what_a_restore_gave_back_is_left_out_of_the_undo(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    buy("10.00")
    run_id = new_id()
    night(program, noon + 30 * DAY, run_id)
    expiry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)
    restore(alice, 30, noon + 31 * DAY, entry=expiry)

    foreseen = undoing.undoable(run_id=run_id)
    counts = undo(run_id, noon + 32 * DAY)

    alice.refresh_from_db()
    assert (foreseen.given_back, counts["points"], alice.points_balance) == (70, 70, 100)
    with refused(ledger.MoreThanWasTaken):
        restore(alice, 1, noon + 33 * DAY, entry=expiry)


def test_an_undo_can_be_of_one_merchant_or_member(program, buy, bookworm, noon):
    run_id = new_id()
    members = [make_member(program, "one"), make_member(program, "two")]
    for number, member in enumerate(members):
        buy("1.00", order=str(number), member=member)
    night(policy(members[0], ExpiryPolicy.INACTIVITY), noon + 30 * DAY, run_id)

    elsewhere = undo(run_id, noon + 31 * DAY, merchant_id=bookworm.merchant_id)
    one = undo(run_id, noon + 31 * DAY, member_id=members[0].pk)
    rest = undo(run_id, noon + 31 * DAY, merchant_id=program.merchant_id)

    assert (elsewhere["entries"], one["entries"], rest["entries"]) == (0, 1, 1)


def test_undoing_a_run_that_gave_points_takes_what_is_there(alice, program, counter, noon):
    run_id = new_id()
    spender = make_member(program, "spender")
    for member in (alice, spender):
        points.award(
            member=member, type=EntryType.TIER_BONUS, points=100, key=f"bonus:{member.pk}", at=noon, run_id=run_id
        )
    redemptions.redeem(member=spender, store=counter, points=70, order_reference="T", at=noon)

    counts = undo(run_id, noon + DAY)

    for member, left in ((alice, 0), (spender, 0)):
        member.refresh_from_db()
        assert (member.points_balance, member.lifetime_points) == (left, 70 if member == spender else 0)
    assert (counts["points"], counts["shortfall"]) == (-130, 70)
    assert LedgerEntry.objects.get(member=spender, type=EntryType.UNDO).shortfall == 70


@pytest.fixture
def imported(alice, counter, noon):
    """A run that booked an order of 100 points and 5 stamps for Alice, as an import does."""
    run_id = new_id()
    bookings = [
        points.earning(member=alice, store=counter, amount=Decimal(10), order_reference="I-1", at=noon),
        stamps.stamping(member=alice, store=counter, at=noon, count=10, order_reference="I-1"),
    ]
    with transaction.atomic():
        settle([replace(each, posting=replace(each.posting, run_id=run_id)) for each in bookings], at=noon)
    return run_id


def test_an_undo_takes_only_what_refunds_have_left(alice, imported, buy, counter, noon):
    buy("40.00", order="own")
    give = {"member": alice, "store": counter, "at": noon, "order_reference": "I-1"}
    refunds.refund(amount=Decimal(4), refund_reference="R-1", **give)

    assert undoing.undoable(run_id=imported).taken_back == 60
    assert undo(imported, noon + DAY)["points"] == -60
    after = refunds.refund(amount=Decimal(6), refund_reference="R-2", **give)

    alice.refresh_from_db()
    assert (after.requested, after.points_delta) == (0, 0)
    assert (alice.points_balance, alice.lifetime_points, alice.stamp_count) == (400, 400, 0)


def test_an_order_whose_run_was_undone_is_not_voided_again(alice, imported, buy, counter, noon):
    buy("40.00", order="own")
    undo(imported, noon)
    order = LedgerEntry.objects.get(order_reference="I-1", type=EntryType.EARN)

    with refused(refunds.NotVoidable):
        refunds.void(store=counter, entry_id=order.pk, reason="again", at=noon)

    alice.refresh_from_db()
    assert alice.points_balance == 400


def test_stamps_that_were_redeemed_are_a_shortfall_and_stop_nobodys_undo(alice, imported, counter, noon):
    stamps.add(member=alice, store=counter, at=noon, count=3)
    stamps.redeem(member=alice, store=counter, at=noon)

    counts = undo(imported, noon + DAY)
    again = undo(imported, noon + DAY)

    alice.refresh_from_db()
    assert (counts["points"], counts["stamps_shortfall"], again["entries"], again["already_undone"]) == (-100, 7, 0, 2)
    assert (alice.points_balance, alice.stamp_count) == (0, 0)
    assert "7 stamps" in undoing.what_was_missing(counts)


def test_an_undo_is_not_undone(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")
    run_id, undo_id = new_id(), new_id()
    night(program, noon + 30 * DAY, run_id)
    undoing.undo(run_id=run_id, undo_run_id=undo_id, at=noon + 31 * DAY)

    with refused(NotUndoable):
        undo(undo_id, noon + 32 * DAY)


def test_what_was_given_back_in_part_says_where_it_is(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS)
    lot = buy("10.00")
    night(program, noon + 30 * DAY)
    expiry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)

    given = restore(alice, 30, noon + 31 * DAY, entry=expiry)

    allocations = dict(LotAllocation.objects.filter(lot=lot.pk).values_list("entry_id", "points"))
    assert allocations == {expiry.pk: 100, given.pk: -30}
    assert PointLot.objects.get(pk=lot.pk).remaining == 30
