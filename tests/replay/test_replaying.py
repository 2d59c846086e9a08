"""Replays done again, in parts, beside other things, or not at all."""

from decimal import Decimal

import pytest

from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, Member, PointLot, Tier
from loyalty.operations import points, stamps, undoing
from loyalty.replay import replaying
from loyalty.replay.booking import OrderRefused
from loyalty.replay.rules import InvalidRules, OtherRules
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer, Merchant, Store
from tests.replay.shop import row, rules, when

ROWS = [
    row("1", "ann", "01 12:00:00", "7.00"),
    row("2", "bob", "01 13:00:00", "9.00"),
    row("3", "ann", "02 12:00:00", "6.00"),
    row("4", "bob", "03 12:00:00", "2.00", "refund"),
    row("5", "ann", "03 12:00:00", "5.00"),
    row("6", "bob", "07 12:00:00", "8.00"),
    row("7", "", "08 12:00:00", "8.00"),
]
POLICIES = pytest.mark.parametrize("by", [rules(), rules(ExpiryPolicy.LOTS)], ids=["inactivity", "lots"])


def entries():
    return list(LedgerEntry.objects.order_by("id").values())


def lots():
    return list(PointLot.objects.order_by("id").values("id", "points", "consumed", "expires_at", "status"))


@POLICIES
def test_a_second_call_moves_nothing_and_reports_the_same(shop, by):
    shop.replay(*ROWS, by=by)
    first, before, events = shop.report, entries(), OutboxEvent.objects.count()

    shop.replay(*ROWS, by=by)

    assert shop.report == first
    assert entries() == before
    assert OutboxEvent.objects.count() == events


@POLICIES
def test_a_replay_in_parts_comes_to_the_same(shop, by, tmp_path):
    whole = shop.replay(*ROWS, by=by)
    before = [(each["type"], each["points_delta"], each["occurred_at"]) for each in entries()]
    shop.slug = "again"

    for until in (when("01 12:30:00"), when("03 12:00:00"), when("05 02:00:00"), when("05 02:00:00"), None):
        in_parts = shop.replay(*ROWS, by=by, until=until)

    assert in_parts == whole
    again = LedgerEntry.objects.filter(merchant_id=shop.program.merchant_id).order_by("id")
    assert [(each.type, each.points_delta, each.occurred_at) for each in again] == before


def test_until_takes_orders_up_to_then_and_figures_at_the_run_before(shop):
    found = shop.replay(*ROWS, until=when("03 12:00:00"))

    # Booked: everything up to that instant; reported: as it stood at 02:00.
    assert Member.objects.get(customer__external_ref="ann").points_balance == 18
    assert (found["points_issued"], found["points_outstanding"]) == (22, 22)
    assert shop.report["input"]["rows"] == 7
    assert shop.report["until"] == {"until": "2020-01-03T12:00:00Z", "closed_at": "2020-01-03T02:00:00Z"}


def test_until_before_the_first_run_reports_nothing_yet(shop):
    found = shop.replay(*ROWS, until=when("01 12:00:00"))

    assert shop.balances() == {"ann": 7}
    assert (found["points_issued"], found["outstanding_after_run"]) == (0, {})
    assert shop.report["others"]["members"] == 0


@POLICIES
def test_an_undone_night_gives_every_balance_and_lot_back_and_reports_the_same(shop, by):
    whole = shop.replay(*ROWS, by=by)
    night = Run.objects.filter(job=replaying.NIGHT_JOB).order_by("as_of").last()
    expired = LedgerEntry.objects.filter(run_id=night.pk)
    taken = -sum(expired.values_list("points_delta", flat=True))
    outstanding, lots_before = sum(shop.balances().values()), lots()
    assert taken > 0
    assert night.as_of == expired.first().occurred_at

    with runs.record("undo", trigger="command") as undo_run:
        undoing.undo(run_id=night.pk, undo_run_id=undo_run.pk, at=when("31 12:00:00"))

    assert sum(shop.balances().values()) == outstanding + taken
    answers = LedgerEntry.objects.filter(type=EntryType.UNDO)
    assert set(answers.values_list("answers_id", flat=True)) == set(expired.values_list("pk", flat=True))
    if by.policy == ExpiryPolicy.LOTS:
        assert lots() != lots_before

    # The next night takes them again, and the report goes by what became of them.
    assert shop.replay(*ROWS, by=by)["points_expired"] == whole["points_expired"]
    assert shop.replay(*ROWS, by=by) == whole
    assert lots() == lots_before


def test_a_second_call_moves_nothing_after_live_stamps_and_on_cards_switched_off(shop):
    first = shop.replay(*ROWS)
    store = Store.objects.get(reference="web")
    stamps.add(member=shop.member("ann"), store=store, count=4, at=when("20 12:00:00"))
    Member.objects.filter(customer__external_ref="bob").update(is_active=False)
    before = entries()

    assert shop.replay(*ROWS) == first
    assert entries() == before


def test_what_was_undone_and_is_not_due_any_more_is_reported_as_never_expired(shop):
    whole = shop.replay(*ROWS)
    night = Run.objects.filter(job=replaying.NIGHT_JOB).order_by("as_of").first()
    with runs.record("undo", trigger="command") as undo_run:
        undoing.undo(run_id=night.pk, undo_run_id=undo_run.pk, at=when("31 12:00:00"))

    # Bob came back after that night: his clock runs from then.
    again = shop.replay(*ROWS)

    assert (whole["points_expired"], again["points_expired"]) == (25, 18)
    assert again["expiry_events"] == whole["expiry_events"] - 1
    assert again["points_issued"] == sum(
        again[name] for name in ("refund_points_taken_back", "points_expired", "points_outstanding")
    )
    assert sum(shop.balances().values()) == again["points_outstanding"]


def test_what_happens_after_the_last_run_is_not_in_the_report(shop):
    first = shop.replay(*ROWS)

    points.earn(
        member=shop.member("ann"),
        store=Store.objects.get(reference="web"),
        amount=Decimal("100.00"),
        order_reference="live",
        at=when("20 12:00:00"),
    )

    assert shop.replay(*ROWS) == first


def test_news_of_the_past_is_marked_as_such_and_nobody_is_warned(shop):
    # In the night that takes Carl's points Ann's are about to expire.
    shop.replay(*ROWS, row("8", "carl", "02 13:00:00", "5.00"))

    assert set(OutboxEvent.objects.values_list("backfill", flat=True)) == {True}
    assert not OutboxEvent.objects.filter(kind="loyalty.points_expiring").exists()
    assert not Member.objects.exclude(last_expiration_warning_at=None).exists()


def test_members_are_found_by_their_number_and_made_bare_at_their_first_row(shop):
    shop.replay(row("1", "ann", "01 12:00:00", "7.00", "refund"), row("2", "ann", "02 12:00:00", "0.00"))

    member = shop.member("ann")
    assert (member.enrolled_at, member.points_balance, member.last_activity_at) == (None, 0, when("02 12:00:00"))
    assert not OutboxEvent.objects.filter(kind="loyalty.member_enrolled").exists()
    assert Customer.objects.get().external_ref == "ann"


def test_orders_belong_to_the_run_of_the_replay(shop):
    shop.replay(*ROWS)

    [run] = Run.objects.filter(job="loyalty.replay_orders")
    orders = LedgerEntry.objects.exclude(type=EntryType.POINTS_EXPIRED)
    assert set(orders.values_list("run_id", flat=True)) == {run.pk}
    assert run.status == Run.Status.SUCCEEDED
    assert run.counts["orders"] == 6
    assert run.counts["points_expired"] == 25


OTHER = {
    "currency": {"currency": "EUR"},
    "points_per_unit": {"points_per_unit": 2},
    "expiry_policy": {"expiry_policy": ExpiryPolicy.LOTS},
    "points_expiration_days": {"points_expiration_days": 3},
    "stamps_target": {"stamps_target": 4},
    "minimum_purchase": {"minimum_purchase": 1},
    "max_points_per_order": {"max_points_per_order": 100},
    "max_points_per_day": {"max_points_per_day": 100},
    "welcome_bonus": {"welcome_bonus": 5},
    "minutes_between_stamps": {"minutes_between_stamps": 1},
    "stamps_per_day": {"stamps_per_day": 1},
    "time_zone": {"time_zone": "Europe/London"},
    "warn_before_expiring": {"warn_before_expiring": True},
    "switched off": {"is_active": False},
}


@pytest.mark.parametrize(("name", "other"), OTHER.items(), ids=OTHER.keys())
def test_a_merchant_with_other_rules_is_refused_before_anything_is_written(shop, name, other):
    merchant = Merchant.objects.create(slug="gifts", name="Gifts")
    program = rules().program(merchant)
    for field, value in other.items():
        setattr(program, field, value)
    program.save()

    with pytest.raises(OtherRules) as caught:
        shop.replay(*ROWS)

    assert name in caught.value.detail
    assert [model.objects.count() for model in (Run, Store, Customer)] == [0, 0, 0]


def test_a_program_with_tiers_is_refused(shop):
    program = rules().program(Merchant.objects.create(slug="gifts", name="Gifts"))
    program.save()
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=100)

    with pytest.raises(OtherRules, match="tiers"):
        shop.replay(*ROWS)


def test_stamps_from_another_amount_on_are_other_rules(shop):
    shop.replay(*ROWS)

    with pytest.raises(OtherRules, match=r"from 5\.00 on, not from 3\.00"):
        shop.replay(*ROWS, by=rules(stamp_min=Decimal("3.00")))


def test_a_merchant_with_the_same_rules_is_used(shop):
    merchant = Merchant.objects.create(slug="gifts", name="The Gift Shop")
    rules().program(merchant).save()

    shop.replay(*ROWS)

    assert shop.program.merchant.name == "The Gift Shop"


@pytest.mark.parametrize(
    "other",
    [
        row("3", "ann", "02 12:00:00", "6.01"),
        row("3", "bob", "02 12:00:00", "6.00"),
        row("3", "ann", "02 12:00:00", "6.00", store="shop"),
    ],
    ids=["amount", "customer", "store"],
)
def test_an_order_booked_otherwise_is_refused_before_anything_is_written(shop, other):
    shop.replay(*ROWS)
    before = entries()

    with pytest.raises(OrderRefused, match=r"Line 3: order 3 was booked before, for customer ann, store web, 6\.00"):
        shop.replay(row("0", "new", "01 12:00:00", "1.00"), other)

    assert entries() == before
    assert not Customer.objects.filter(external_ref="new").exists()


def test_a_card_that_is_switched_off_is_named_by_its_order(shop):
    shop.replay(ROWS[0])
    Member.objects.update(is_active=False)

    with pytest.raises(OrderRefused, match="Line 3: order 3 was refused"):
        shop.replay(ROWS[0], ROWS[2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": None},
        {"days": 0},
        {"days": 40_000},
        {"currency": "pounds"},
        {"stamps_target": 0},
    ],
)
def test_what_is_no_rule_is_refused(shop, wrong):
    file = shop.read(*ROWS)

    with pytest.raises(InvalidRules):
        replaying.replay(file, slug="gifts", rules=rules(**wrong))

    assert not Merchant.objects.exists()


def test_a_slug_that_is_none_is_refused(shop):
    with pytest.raises(InvalidRules):
        replaying.replay(shop.read(*ROWS), slug="no slug!", rules=rules())
