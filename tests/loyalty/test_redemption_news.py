"""What a redemption tells: once, at every door, and only together with what it tells of."""

from collections import Counter

import psycopg
import pytest
from django.db import IntegrityError, transaction

from loyalty.models import Redemption, Reward, RewardKind
from loyalty.operations import points, redemptions, reward_codes
from loyalty.queries import reconciliation
from loyalty_site.outbox import publishing
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import NOON, make_member, make_merchant

REDEEMED = Counter(["loyalty.redemption_requested", "loyalty.redemption_fulfilled", "loyalty.points_redeemed"])
HELD = Counter(["loyalty.redemption_requested"])
SOLD_OUT = Counter(["loyalty.reward_sold_out"])
CODES_LOW = Counter(["loyalty.reward_codes_low"])


def told() -> Counter[str]:
    return Counter(OutboxEvent.objects.values_list("kind", flat=True))


def rewards(program):
    """Tea, of which there is one, and a voucher with a single code."""
    Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=5, stock=1)
    voucher = Reward.objects.create(
        program=program, slug="voucher", name="Ten off", cost_points=5, kind=RewardKind.DISCOUNT_CODE
    )
    reward_codes.upload(reward=voucher, codes=["AAA"])


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize(
    ("asked", "news"),
    [
        ({"points": 5}, REDEEMED),
        ({"rewardSlug": "tea"}, REDEEMED + SOLD_OUT),
        ({"rewardSlug": "voucher"}, REDEEMED + CODES_LOW),
    ],
)
def test_a_till_that_redeems_is_told_of_once_however_often_it_sends_it(till, card, ana, asked, news, key):
    points.adjust(member=ana, points=100, reason="test", actor=None, key=None, at=NOON)
    rewards(ana.program)
    before, body = told(), {**asked, "orderReference": "R-1"}

    answers = [till.post(f"{card}/points/redeem", body, key=each).status_code for each in (key, key, "other")]

    assert answers == [201, 200 if key is None else 201, 200]
    assert told() - before == news


@pytest.fixture
def rich(alice, buy):
    """Alice with 100 points."""
    buy("10.00")
    alice.refresh_from_db()
    return alice


def test_who_asks_again_is_not_told_of_again(rich, counter, noon):
    before = told()
    for _ in range(2):
        redemptions.redeem(member=rich, store=counter, points=5, order_reference="R-1", at=noon)
    assert told() - before == REDEEMED

    for _ in range(2):
        redemptions.hold(member=rich, points=5, key="H-1", at=noon)
    assert told() - before == REDEEMED + HELD


@pytest.fixture
def own_rich(own_database):
    """A member with 100 points and the last tea, in a database of the test's own."""
    member = make_member(make_merchant("cafe"), "alice")
    points.adjust(member=member, points=100, reason="test", actor=None, key=None, at=NOON)
    rewards(member.program)
    return member


@pytest.mark.parametrize("ask", ["redeem", "hold"])
def test_where_the_last_piece_cannot_be_told_of_it_is_not_gone(own_rich, owner_connection, ask):
    owner_connection.execute(
        "ALTER TABLE outbox_events ADD CONSTRAINT untold CHECK (kind <> 'loyalty.reward_sold_out')"
    )
    tea, before = Reward.objects.get(slug="tea"), told()
    how = {"store": None, "order_reference": "R-1"} if ask == "redeem" else {"key": "H-1"}

    with pytest.raises(IntegrityError):
        getattr(redemptions, ask)(member=own_rich, reward=tea, at=NOON, **how)

    own_rich.refresh_from_db()
    tea.refresh_from_db()
    assert (own_rich.points_balance, own_rich.points_held, tea.stock) == (100, 0, 1)
    assert (Redemption.objects.count(), told()) == (0, before)
    assert list(reconciliation.differences()) == []


def test_an_answer_given_again_is_no_posting_of_its_transaction(own_rich):
    def redeem(order):
        return redemptions.redeem(member=own_rich, store=None, points=5, order_reference=order, at=NOON)

    first = redeem("R-1")
    with transaction.atomic():
        assert redeem("R-1").pk == first.pk
        redeem("R-2")
    with transaction.atomic():
        redeem("R-3")
        assert redeem("R-1").pk == first.pk
    with pytest.raises(RuntimeError, match="posted before"), transaction.atomic():
        redeem("R-4")
        redeem("R-5")

    own_rich.refresh_from_db()
    assert (Redemption.objects.count(), own_rich.points_balance) == (3, 85)
    assert list(reconciliation.differences()) == []


def test_a_hold_rings_the_bell_and_one_asked_for_before_does_not(own_rich, own_database):
    with psycopg.connect(own_database.url, autocommit=True) as ear:
        ear.execute(f"LISTEN {publishing.CHANNEL}")

        redemptions.hold(member=own_rich, points=5, key="H-1", at=NOON)
        assert len(list(ear.notifies(timeout=30, stop_after=1))) == 1
        list(ear.notifies(timeout=0.5))

        redemptions.hold(member=own_rich, points=5, key="H-1", at=NOON)
        assert list(ear.notifies(timeout=0.5)) == []
