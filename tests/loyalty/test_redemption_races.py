"""Many at once want the same points, the same last piece, the same intent (real threads, a connection each)."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from loyalty.models import CheckoutIntent, LedgerEntry, Member, Redemption, Reward, RewardCode, RewardKind
from loyalty.operations import checkout, points, redemptions, reward_codes
from loyalty.operations.checkout import Asked
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store
from tests.cast import NOON, make_member, make_merchant


@pytest.fixture
def cafe(own_database):
    """A program, its counter, and four members with 500 points each."""
    program = make_merchant("cafe")
    counter = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    members = [make_member(program, f"member-{number}") for number in range(4)]
    for member in members:
        points.adjust(member=member, points=500, reason="test", actor=None, key=None, at=NOON)
    return program, counter, list(Member.objects.select_related("program", "customer").order_by("pk"))


def at_once(threads, do):
    """Run `do(number)` in so many threads at the same moment; what each returned, or the refusal's code."""
    barrier = threading.Barrier(threads)

    def run(number):
        try:
            barrier.wait(30)
            return do(number)
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def the_books_balance():
    assert list(reconciliation.differences()) == []
    held = Counter()
    for redemption in Redemption.objects.filter(status="requested"):
        held[redemption.member_id] += redemption.points_cost
    for member in Member.objects.all():
        assert member.points_held == held[member.pk]
        assert member.points_balance >= member.points_held >= 0


def test_fifty_threads_spend_one_balance_and_never_more(cafe):
    _, counter, [alice, *_] = cafe

    def spend(number):
        if number % 2:
            return redemptions.hold(member=alice, points=40, at=NOON).status
        return redemptions.redeem(member=alice, store=counter, points=40, order_reference=f"T-{number}", at=NOON).status

    outcomes = Counter(at_once(50, spend))

    alice.refresh_from_db()
    assert outcomes["requested"] + outcomes["fulfilled"] == 12
    assert outcomes["insufficient_points"] == 38
    assert alice.points_available == 20
    the_books_balance()


def test_fifty_threads_want_the_last_one_and_one_gets_it(cafe):
    program, counter, members = cafe
    cake = Reward.objects.create(program=program, slug="cake", name="Cake", cost_points=10, stock=1)

    def want(number):
        member = members[number % 4]
        if number % 3 == 0:
            return redemptions.hold(member=member, reward=cake, at=NOON).status
        if number % 3 == 1:
            return redemptions.redeem(
                member=member, store=counter, reward=cake, order_reference=f"T-{number}", at=NOON
            ).status
        intent = Asked(client_id=f"i-{number}", kind="redemption", created_at=NOON, reward_slug="cake")
        outcome = checkout.confirm(
            merchant=member.merchant, user_id=member.customer.user_id, order_id="W", intents=[intent], at=NOON
        )
        return "requested" if outcome.intents else outcome.rejected[intent.client_id].code

    outcomes = Counter(at_once(50, want))

    cake.refresh_from_db()
    assert outcomes["reward_unavailable"] == 49
    assert (cake.stock, Redemption.objects.count()) == (0, 1)
    assert OutboxEvent.objects.filter(kind="loyalty.reward_sold_out").count() == 1
    the_books_balance()


def test_whatever_is_done_at_once_stock_and_holds_come_out_right(cafe):
    program, counter, members = cafe
    rewards = [
        Reward.objects.create(program=program, slug=f"r-{number}", name="R", cost_points=5, stock=20)
        for number in range(3)
    ]

    def live(number):
        member = members[number % 4]
        for turn in range(6):
            reward = rewards[(number + turn) % 3]
            kind = (number + turn) % 5
            intents = [
                Asked(
                    client_id=f"i-{number}-{turn}-{each.slug}",
                    kind="redemption",
                    created_at=NOON,
                    reward_slug=each.slug,
                )
                for each in (rewards if turn % 2 else rewards[::-1])
            ]
            who = {"merchant": member.merchant, "user_id": member.customer.user_id, "order_id": "W", "at": NOON}
            try:
                if kind == 0:
                    checkout.confirm(intents=intents, **who)
                    checkout.cancel(intents=intents[:2], **who)
                elif kind == 1:
                    redemptions.redeem(
                        member=member, store=counter, reward=reward, order_reference=f"T-{number}-{turn}", at=NOON
                    )
                elif kind == 2:
                    redemptions.release_stale(programs=[program], at=NOON, older_than=timedelta(0), chunk=3)
                else:
                    made = redemptions.hold(member=member, reward=reward, quantity=2, at=NOON)
                    close = (redemptions.fulfil, redemptions.cancel)[kind % 2]
                    close(redemption=Redemption.objects.get(pk=made.pk), at=NOON)
            except Refusal:
                continue
        return "done"

    assert at_once(12, live) == ["done"] * 12
    for reward in rewards:
        reward.refresh_from_db()
        out = sum(each.quantity for each in reward.redemptions.filter(status__in=["requested", "fulfilled"]))
        assert reward.stock + out == 20
    the_books_balance()


def test_ten_connections_confirm_one_intent_and_make_one_redemption(cafe):
    program, _, [alice, *_] = cafe
    tea = Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=40, stock=9)
    intent = Asked(client_id="i-1", kind="redemption", created_at=NOON, reward_slug="tea")

    def confirm(number):
        outcome = checkout.confirm(
            merchant=alice.merchant, user_id=alice.customer.user_id, order_id="W-1", intents=[intent], at=NOON
        )
        return str(outcome.intents["i-1"].redemption_id)

    made = set(at_once(10, confirm))

    tea.refresh_from_db()
    assert made == {str(Redemption.objects.get().pk)}
    assert (tea.stock, CheckoutIntent.objects.count()) == (8, 1)
    the_books_balance()


def test_a_limit_holds_however_many_ask_at_once(cafe):
    program, _, [alice, *_] = cafe
    Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=1, limit_per_member=3)
    tea = Reward.objects.get()

    outcomes = Counter(at_once(20, lambda number: redemptions.hold(member=alice, reward=tea, at=NOON).status))

    assert outcomes == {"requested": 3, "reward_unavailable": 17}


def test_each_code_is_given_once_however_many_want_one(cafe):
    program, counter, members = cafe
    voucher = Reward.objects.create(
        program=program, slug="voucher", name="V", cost_points=1, kind=RewardKind.DISCOUNT_CODE
    )
    reward_codes.upload(reward=voucher, codes=[f"C-{number:02}" for number in range(15)])

    def want(number):
        return redemptions.redeem(
            member=members[number % 4], store=counter, reward=voucher, order_reference=f"T-{number}", at=NOON
        ).entry.metadata["codes"][0]

    outcomes = at_once(40, want)

    given = [each for each in outcomes if each != "reward_unavailable"]
    assert sorted(given) == [f"C-{number:02}" for number in range(15)]
    assert not RewardCode.objects.filter(redemption=None).exists()
    assert LedgerEntry.objects.filter(type="redeem").count() == 15
    the_books_balance()
