"""Rewards: stock, limits, dates, tiers and codes, on every path (specs/api.md "redemptions")."""

from datetime import timedelta

import pytest

from loyalty.models import EntryType, LedgerEntry, Redemption, Reward, RewardCode, RewardKind, Tier
from loyalty.operations import redemptions, reward_codes
from loyalty.operations.redemptions import RewardUnavailable
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import make_member, refused


@pytest.fixture
def rich(alice, buy):
    """Alice with 1,000 points."""
    buy("100.00")
    alice.refresh_from_db()
    return alice


@pytest.fixture
def tea(program):
    """Three teas at 50 points."""
    return Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=50, stock=3)


@pytest.fixture
def voucher(program):
    """A discount with a pool of two codes."""
    voucher = Reward.objects.create(
        program=program, slug="voucher", name="Ten off", cost_points=50, kind=RewardKind.DISCOUNT_CODE
    )
    reward_codes.upload(reward=voucher, codes=["AAA", "BBB"])
    return voucher


def left(reward):
    reward.refresh_from_db()
    return reward.stock


def why(caught):
    return caught.value.facts.get("why")


def test_a_unit_is_taken_when_it_is_asked_for_and_stays_taken_when_fulfilled(rich, tea, noon):
    redemption = redemptions.hold(member=rich, reward=tea, quantity=2, at=noon)

    assert (redemption.points_cost, left(tea)) == (100, 1)
    redemptions.fulfil(redemption=redemption, at=noon)
    assert left(tea) == 1
    entry = LedgerEntry.objects.get(type=EntryType.REDEEM)
    assert entry.metadata == {"redemption_id": str(redemption.pk), "reward_id": str(tea.pk)}
    assert entry.description == "Tea"


@pytest.mark.parametrize("close", [redemptions.cancel, redemptions.fail])
def test_what_comes_to_nothing_is_back_in_stock_once(rich, tea, noon, close):
    redemption = redemptions.hold(member=rich, reward=tea, quantity=2, at=noon)

    for _ in range(2):
        close(redemption=redemption, at=noon, reason="no")

    assert left(tea) == 3


def test_a_hold_that_expires_gives_its_units_back(rich, tea, noon):
    redemptions.hold(member=rich, reward=tea, quantity=2, at=noon)
    redemptions.hold(member=rich, points=10, at=noon)

    counts = redemptions.release_stale(programs=[rich.program], at=noon + timedelta(days=15), chunk=1)

    assert (counts["redemptions"], left(tea)) == (2, 3)
    assert list(reconciliation.differences()) == []


def test_more_than_is_left_is_refused_and_takes_nothing(rich, tea, noon):
    with refused(RewardUnavailable) as caught:
        redemptions.hold(member=rich, reward=tea, quantity=4, at=noon)

    assert (why(caught), left(tea), Redemption.objects.count()) == ("stock", 3, 0)


def test_too_few_points_leave_the_stock_as_it_was(alice, tea, noon):
    from loyalty import ledger

    with refused(ledger.InsufficientPoints):
        redemptions.hold(member=alice, reward=tea, at=noon)

    assert left(tea) == 3


def test_the_till_that_asks_again_for_the_last_one_gets_the_same_answer(rich, tea, counter, noon):
    Reward.objects.update(stock=1)
    ask = {"member": rich, "store": counter, "reward": tea, "order_reference": "T-1", "at": noon}

    first = redemptions.redeem(**ask)
    again = redemptions.redeem(**ask)

    assert (again.pk, again.replayed, again.entry.pk) == (first.pk, True, first.entry.pk)
    assert left(tea) == 0
    with refused(RewardUnavailable):
        redemptions.redeem(**(ask | {"order_reference": "T-2"}))


def test_the_last_unit_is_news(rich, tea, noon):
    redemptions.hold(member=rich, reward=tea, quantity=3, at=noon)

    assert OutboxEvent.objects.get(kind="loyalty.reward_sold_out").facts["reward_slug"] == "tea"


def test_a_member_has_at_most_the_limit_and_a_cancelled_one_does_not_count(rich, tea, noon, program, buy):
    Reward.objects.update(limit_per_member=2)
    tea.refresh_from_db()
    first = redemptions.hold(member=rich, reward=tea, at=noon)
    redemptions.fulfil(redemption=redemptions.hold(member=rich, reward=tea, at=noon), at=noon)
    with refused(RewardUnavailable) as caught:
        redemptions.hold(member=rich, reward=tea, at=noon)
    assert why(caught) == "limit"

    redemptions.cancel(redemption=first, at=noon)

    assert redemptions.hold(member=rich, reward=tea, at=noon).status == "requested"
    bob = make_member(program, "bob")
    buy("10.00", order="bobs", member=bob)
    assert redemptions.hold(member=bob, reward=tea, at=noon).status == "requested"


def test_it_is_given_from_its_beginning_until_before_its_end(rich, tea, noon):
    Reward.objects.update(starts_at=noon, ends_at=noon + timedelta(hours=1))

    for hours, reason in ((-0.01, "not_yet"), (1, "over")):
        with refused(RewardUnavailable) as caught:
            redemptions.hold(member=rich, reward=tea, at=noon + timedelta(hours=hours))
        assert why(caught) == reason
    assert redemptions.hold(member=rich, reward=tea, at=noon).status == "requested"


def test_a_tier_and_those_above_it(rich, tea, noon, program):
    silver = Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=10_000)
    gold = Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=20_000)
    Reward.objects.update(minimum_tier=silver)
    with refused(RewardUnavailable) as caught:
        redemptions.hold(member=rich, reward=tea, at=noon)
    assert why(caught) == "tier"

    rich.tier = gold
    assert redemptions.hold(member=rich, reward=tea, at=noon).status == "requested"


def test_a_code_is_given_at_fulfilment_and_never_again(rich, voucher, counter, noon):
    redemption = redemptions.hold(member=rich, reward=voucher, at=noon)
    assert not RewardCode.objects.filter(redemption__isnull=False).exists()

    redemptions.fulfil(redemption=redemption, at=noon)
    at_the_till = redemptions.redeem(member=rich, store=counter, reward=voucher, order_reference="T-1", at=noon)

    assert [code.code for code in redemption.codes.all()] == ["AAA"]
    assert at_the_till.entry.metadata["codes"] == ["BBB"]
    assert LedgerEntry.objects.get(pk=redemption.entry_id).metadata["codes"] == ["AAA"]
    with refused(RewardUnavailable) as caught:
        redemptions.redeem(member=rich, store=counter, reward=voucher, order_reference="T-2", at=noon)
    assert why(caught) == "codes"
    low = OutboxEvent.objects.filter(kind="loyalty.reward_codes_low")
    assert [event.facts["codes_left"] for event in low] == [0]


def test_what_waits_for_a_code_waits_on_where_the_pool_has_run_empty(rich, voucher, noon):
    held = [redemptions.hold(member=rich, reward=voucher, quantity=2, at=noon) for _ in range(2)]
    redemptions.fulfil(redemption=held[0], at=noon)

    with refused(RewardUnavailable):
        redemptions.fulfil(redemption=held[1], at=noon)

    held[1].refresh_from_db()
    assert held[1].status == "requested"
    reward_codes.upload(reward=voucher, codes=["CCC", "DDD"])
    redemptions.fulfil(redemption=held[1], at=noon)
    assert [code.code for code in held[1].codes.all()] == ["CCC", "DDD"]


def test_codes_that_stand_twice_are_named_and_kept_once(voucher):
    report = reward_codes.upload(reward=voucher, codes=reward_codes.read(b"CCC\nBBB\nDDD\nCCC\n", "codes.txt"))

    assert (report.added, report.repeated, report.known) == (2, ["CCC"], ["BBB"])
    assert voucher.codes.count() == 4


@pytest.mark.parametrize(
    ("data", "name", "codes"),
    [
        (b"\xef\xbb\xbfA1\r\nB2\r\n\r\n", "x.txt", ["A1", "B2"]),
        (b"code,note\nA1,x\nB2,y\n", "x.csv", ["A1", "B2"]),
        (b"A1;1\nB2;2\n", "x.csv", ["A1", "B2"]),
    ],
)
def test_codes_are_read_from_texts_and_tables(data, name, codes):
    assert reward_codes.read(data, name) == codes


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"x" * 65, b"a\x00b", b"x" * (reward_codes.MOST_BYTES + 1)])
def test_a_file_that_holds_no_codes_is_refused(data):
    with pytest.raises(reward_codes.InvalidCodes):
        reward_codes.read(data, "codes.txt")


def test_metadata_is_merged_and_a_closed_one_is_answered_unchanged(rich, noon):
    redemption = redemptions.hold(member=rich, points=10, at=noon, metadata={"a": 1, "b": 1})

    redemptions.fail(redemption=redemption, at=noon, reason="no", metadata={"b": 2, "c": 3})
    redemptions.fulfil(redemption=redemption, at=noon, metadata={"d": 4})

    redemption.refresh_from_db()
    assert redemption.metadata == {"a": 1, "b": 2, "c": 3}
    assert (redemption.status, redemption.reason) == ("failed", "no")


def test_nobody_talks_over_what_the_entry_says_of_its_redemption(rich, tea, noon):
    redemption = redemptions.hold(member=rich, reward=tea, at=noon)

    redemptions.fulfil(redemption=redemption, at=noon, metadata={"redemption_id": "x", "till": 2})

    entry = LedgerEntry.objects.get(pk=redemption.entry_id)
    assert (entry.metadata["redemption_id"], entry.metadata["till"]) == (str(redemption.pk), 2)
