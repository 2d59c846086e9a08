"""Many rewards are settled a batch a chunk: what fails, stops or runs beside it costs nobody a point."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations import points
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from referrals.models import Invite, ReferralReview
from referrals.operations import conversions, qualifying, settling
from tests.cast import NOON, make_member, make_merchant
from tests.locks import wait_until_waited_for
from tests.referrals.conftest import balance, joins, set_rules

DAY = timedelta(days=1)
DUE = NOON + 3 * DAY


def waiting(program, inviter, names):
    """Somebody for each name who came with the inviter's own code; the reward of each is due at DUE."""
    set_rules(program, converts_on="first_order", conversions_a_day=1000, invitee_points=50)
    friends = [joins(program, name) for name in names]
    for friend in friends:
        conversions.attach(code=inviter.referral_code, member=friend, at=NOON + 2 * DAY)
    Invite.objects.filter(invitee__in=friends).update(
        status="converted", reward_state="pending", completed_at=DUE, payable_at=DUE
    )
    return friends


def told():
    return OutboxEvent.objects.filter(kind="referrals.invite_converted").count()


def spoil(friend):
    """Let the key of the inviter's credit belong to another entry."""
    invite = Invite.objects.get(invitee=friend)
    points.award(
        member=Member.objects.select_related("program", "tier").get(pk=invite.referrer_id),
        type=EntryType.REFERRAL_BONUS,
        points=7,
        key=f"referral:{invite.pk}:referrer",
        at=NOON,
    )


def test_a_chunk_is_one_batch_whatever_its_size(own_database):
    program = make_merchant("cafe")
    few, many = make_member(program, "few"), make_member(program, "many")
    waiting(program, few, ["a", "b"])
    with CountedQueries() as of_two:
        assert settling.settle(at=DUE)["paid"] == 2
    waiting(program, many, [f"m{number}" for number in range(40)])

    with CountedQueries() as of_forty:
        assert settling.settle(at=DUE)["paid"] == 40

    assert len(of_forty) == len(of_two)
    assert (balance(many), told()) == (40 * 500, 42)
    assert set(Member.objects.filter(customer__external_ref__startswith="m").values_list("points_balance", flat=True)) \
        == {50, 40 * 500}  # fmt: skip
    assert list(reconciliation.differences()) == []


class CountedQueries(list):
    """The statements that Django sends while it is open."""

    def __enter__(self):
        self.wrapper = connection.execute_wrapper(self.note)
        self.wrapper.__enter__()
        return self

    def __exit__(self, *error):
        self.wrapper.__exit__(*error)

    def note(self, execute, sql, params, many, context):
        self.append(sql)
        return execute(sql, params, many, context)


def test_several_merchants_are_settled_in_one_chunk(own_database):
    cafe, bookshop = make_merchant("cafe"), make_merchant("bookshop")
    alice, zoe = make_member(cafe, "alice"), make_member(bookshop, "zoe")
    waiting(cafe, alice, ["a", "b"])
    waiting(bookshop, zoe, ["c"])

    assert settling.settle(at=DUE)["paid"] == 3

    assert (balance(alice), balance(zoe)) == (1000, 500)
    assert OutboxEvent.objects.filter(kind="referrals.invite_converted", merchant_id=bookshop.merchant_id).count() == 1


@pytest.mark.parametrize("place", [0, 3, 6])
def test_one_that_cannot_be_settled_keeps_no_other_from_its_reward(own_database, place):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    friends = waiting(program, alice, [f"p{number}" for number in range(7)])
    spoil(friends[place])
    bad = Invite.objects.get(invitee=friends[place])

    with pytest.raises(ExceptionGroup) as failed:
        settling.settle(at=DUE, chunk=5)

    [error] = failed.value.exceptions
    assert str(bad.pk) in str(error.__notes__)
    assert (balance(alice), told()) == (6 * 500 + 7, 6)
    assert [balance(friend) for friend in friends] == [0 if friend == friends[place] else 50 for friend in friends]
    bad.refresh_from_db()
    assert bad.reward_state == "pending"
    with pytest.raises(ExceptionGroup):
        settling.settle(at=DUE, chunk=5)
    assert (balance(alice), told()) == (6 * 500 + 7, 6)


def test_a_worker_that_dies_loses_no_chunk_and_pays_none_twice(own_database):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    first = waiting(program, alice, ["a", "b"])
    zoe = make_member(program, "zoe")
    Invite.objects.update(payable_at=NOON + 2 * DAY)
    second = waiting(program, zoe, ["c", "d"])
    raised = []

    def work():
        try:
            settling.settle(at=DUE, chunk=2)
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    with transaction.atomic(), connection.cursor() as cursor:
        Member.objects.select_for_update(no_key=True).get(pk=zoe.pk)
        worker.start()
        wait_until_waited_for(connection)
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) waiting "
            "WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        assert cursor.fetchall() == [(True,)]
        worker.join(20)

    assert raised
    assert (balance(alice), balance(zoe), told()) == (1000, 0, 2)
    assert settling.settle(at=DUE)["paid"] == 2
    assert (balance(alice), balance(zoe), told()) == (1000, 1000, 4)
    assert [balance(friend) for friend in first + second] == [50] * 4


def test_two_workers_share_chunks_and_pay_each_once(own_database):
    program = make_merchant("cafe")
    inviters = [make_member(program, f"inviter{number}") for number in range(4)]
    for inviter in inviters:
        waiting(program, inviter, [f"{inviter.customer.external_ref}-{number}" for number in range(8)])
    gate, counts = threading.Barrier(3), []

    def work():
        try:
            gate.wait(20)
            counts.append(settling.settle(at=DUE, chunk=3))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    # What two wanted at once, one of them passed by.
    counts.append(settling.settle(at=DUE))

    assert sum(each["paid"] for each in counts) == 32
    assert [balance(inviter) for inviter in inviters] == [4000] * 4
    assert told() == 32
    assert list(reconciliation.differences()) == []


def test_a_chunk_holds_drops_and_pays_side_by_side(own_database):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    friends = waiting(program, alice, ["a", "b", "c", "d"])
    set_rules(program, conversions_a_day=2)
    Member.objects.filter(pk=friends[0].pk).update(is_active=False)
    for hours, friend in enumerate(friends):
        Invite.objects.filter(invitee=friend).update(completed_at=DUE - timedelta(hours=5 - hours))

    counts = settling.settle(at=DUE)

    assert (counts["paid"], counts["held"], counts["dropped"]) == (1, 2, 1)
    assert (balance(alice), balance(friends[1])) == (500, 50)
    assert ReferralReview.objects.filter(due_at=DUE + 14 * DAY).count() == 2


def test_many_returns_are_taken_back_in_one_batch_with_the_shortfall_of_each(own_database):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    friends = waiting(program, alice, [f"p{number}" for number in range(5)])
    settling.settle(at=DUE)
    member = Member.objects.select_related("program").get(pk=alice.pk)
    points.adjust(member=member, points=-1300, reason="A prize", actor=None, key=None, at=DUE)
    Invite.objects.update(reward_state="reversing", status="cancelled", reason="order_returned")

    counts = settling.settle(at=DUE)

    assert (counts["reversed"], counts["shortfall"]) == (5, 1300)
    assert [balance(each) for each in (alice, *friends)] == [0] * 6
    undone = LedgerEntry.objects.filter(type="undo")
    assert set(undone.values_list("description", flat=True)) == {"order_returned"}
    assert undone.count() == 10
    assert settling.settle(at=DUE)["reversed"] == 0
    assert list(reconciliation.differences()) == []


def test_a_first_order_that_came_back_before_it_was_heard_of_is_not_paid(own_database):
    from decimal import Decimal

    from loyalty.operations import refunds
    from loyalty_site.tenants.models import Store

    program = make_merchant("cafe")
    store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    set_rules(program, converts_on="first_order", minimum_order=Decimal(10))
    alice, bob = make_member(program, "alice"), joins(program, "bob")
    conversions.attach(code=alice.referral_code, member=bob, at=NOON + DAY)
    order = points.earn(member=bob, store=store, amount=Decimal(25), order_reference="W-1", at=NOON + 2 * DAY)
    back = refunds.refund(
        member=bob, store=store, amount=Decimal(20), refund_reference="F-1", order_reference="W-1", at=NOON + 3 * DAY
    )

    assert qualifying.returned(list(LedgerEntry.objects.filter(answers_id=order.pk).values_list("pk", flat=True))) == 0
    assert qualifying.ordered([order.pk]) == 1
    counts = settling.settle(at=NOON + 20 * DAY)

    assert back
    assert (counts["paid"], counts["dropped"]) == (0, 1)
    invite = Invite.objects.get()
    assert (invite.status, invite.reward_state, invite.reason) == ("cancelled", "dropped", "order_returned")
    assert balance(alice) == 0
