"""What is left of a purchase or a redemption that is a transaction of its own, and of one within somebody else's."""

from contextlib import nullcontext, suppress
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty import ledger
from loyalty.ledger import Posting
from loyalty.models import EntryType, LedgerEntry, Member, Redemption, Reward
from loyalty.operations import cards, points, redemptions
from loyalty.operations.orders import InvalidReference
from loyalty.operations.redemptions import RewardUnavailable
from loyalty_site import outbox
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store
from loyalty_site.texts import InvalidText
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import reading


class GivenUp(Exception):
    """Somebody's reason to roll back."""


@pytest.fixture
def alice(own_database):
    program = make_merchant("cafe")
    return make_member(program, "alice")


@pytest.fixture
def counter(alice):
    return Store.objects.create(merchant=alice.merchant, reference="counter", name="Counter")


@pytest.fixture
def buy(alice, counter):
    def purchase(amount="4.50", order="W-1", **more):
        return points.earn(
            **{"member": alice, "store": counter, "amount": Decimal(amount), "order_reference": order, "at": NOON}
            | more
        )

    return purchase


@pytest.fixture
def redeem(alice, counter):
    def spending(order="S-1", **more):
        given = {"member": alice, "store": counter, "order_reference": order, "at": NOON}
        return redemptions.redeem(**given | ({"points": 10} if "reward" not in more else {}) | more)

    return spending


_SEEN = """
SELECT (SELECT array_agg((points_balance, points_held, lifetime_points, last_number) ORDER BY id)::text
          FROM loyalty_members),
       (SELECT count(*) FROM loyalty_ledger_entries), (SELECT count(*) FROM outbox_events),
       (SELECT count(*) FROM loyalty_redemptions),
       (SELECT array_agg(stock ORDER BY id) FROM loyalty_rewards)"""


@pytest.fixture
def seen(own_database):
    """All that another connection sees: what is committed."""
    with own_database.connect() as other:
        yield lambda: other.execute(_SEEN).fetchone()


def test_a_retry_outside_a_transaction_gets_the_first_entry_and_tells_nothing(buy, seen):
    first = buy()
    before = seen()

    again = buy()

    assert (first.replayed, again.replayed) == (False, True)
    for field in LedgerEntry._meta.concrete_fields:
        assert getattr(again, field.attname) == getattr(first, field.attname), field.attname
    assert LedgerEntry.objects.get() == first
    assert seen() == before


@pytest.mark.parametrize("route", ["watched", "without prepared statements"])
def test_a_purchase_alone_is_the_same_where_statements_go_another_way(buy, seen, settings, route):
    """Typed by psycopg, and not by the prepared statement, the values find the function all the same."""
    sent = []

    def watch(execute, statement, *rest):
        sent.append(statement)
        return execute(statement, *rest)

    settings.DATABASE_PREPARE = route == "watched"
    with connection.execute_wrapper(watch) if route == "watched" else nullcontext():
        first = buy("99999.99", items=[{"name": "tea"}])
        again = buy("99999.99", items=[{"name": "tea"}])

    assert route != "watched" or any("ledger_credit_v2" in each for each in sent)
    assert (first.points_delta, first.replayed, again.pk, again.replayed) == (999_999, False, first.pk, True)
    assert seen()[1:3] == (1, 2)


def test_an_award_outside_a_transaction_is_given_once(alice, seen):
    award = {"member": alice, "type": EntryType.TIER_BONUS, "points": 7, "key": "bonus:1", "at": NOON}
    first = points.award(**award)
    before = seen()

    again = points.award(**award)

    assert (again.pk, again.replayed) == (first.pk, True)
    assert seen() == before
    with pytest.raises(ledger.KeyReused):
        points.award(**award | {"points": 8})
    assert seen() == before


def test_a_refused_purchase_leaves_nothing(alice, buy, counter, seen):
    ben = make_member(alice.program, "ben")
    buy()
    before = seen()

    refusals = [
        (ledger.KeyReused, {"amount": "5.00"}),
        (ledger.OrderAlreadyUsed, {"member": ben}),
        (InvalidText, {"order": "W-2", "items": [{"name": "a\0b"}]}),
        (InvalidReference, {"order": ""}),
    ]
    for refusal, asked in refusals:
        with pytest.raises(refusal):
            buy(**asked)
        assert seen() == before

    cards.deactivate(member=ben, at=NOON)
    before = seen()
    with pytest.raises(ledger.CardInactive):
        buy(order="W-3", member=ben)
    assert seen() == before
    # The copy at hand says that the card is active; the row decides.
    with pytest.raises(ledger.CardInactive):
        buy(order="W-3", member=Member.objects.select_related("program").get(pk=ben.pk))
    assert seen() == before


def test_a_retry_of_a_card_that_was_switched_off_since_gets_its_entry(alice, buy, seen):
    first = buy()
    cards.deactivate(member=alice, at=NOON)
    before = seen()

    again = buy()

    assert (again.pk, again.replayed) == (first.pk, True)
    assert seen() == before


@pytest.mark.parametrize("locked", [False, True], ids=["the member as read", "the member locked"])
def test_a_purchase_in_a_transaction_that_rolls_back_leaves_nothing(alice, buy, seen, locked):
    before = seen()

    with pytest.raises(GivenUp), transaction.atomic():
        entry = buy(member=points.lock(alice) if locked else alice)
        assert seen() == before
        raise GivenUp
    assert seen() == before
    again = buy()

    assert (again.replayed, again.pk != entry.pk) == (False, True)
    assert reading.broken_promises() == {}


def test_a_lock_that_a_savepoint_took_back_is_no_lock(alice, buy, seen):
    with transaction.atomic():
        with pytest.raises(GivenUp), transaction.atomic():
            locked = points.lock(alice)
            raise GivenUp
        # Not held any more: this goes through the ledger, which locks.
        entry = buy(member=locked)

    assert not entry.replayed
    assert reading.broken_promises() == {}


def test_a_transaction_credits_once(alice, buy, seen):
    before = seen()

    with pytest.raises(RuntimeError, match="posted before"), transaction.atomic():
        member = points.lock(alice)
        buy(member=member)
        buy(member=member, order="W-2")

    assert seen() == before


def test_a_purchase_alone_within_gathered_news_is_committed_with_its_own(buy, seen):
    with outbox.backfilling(), outbox.together():
        buy()

    event = OutboxEvent.objects.get(kind="loyalty.points_earned")
    assert event.backfill
    assert event.pk == LedgerEntry.objects.get().pk


# --- Redeeming: the commit travels with the last statement ------------------------------------------------------
def test_a_redemption_alone_is_committed_whole(buy, redeem, own_database, seen):
    buy()
    _, entries, told, made, _ = seen()

    redemption = redeem()

    assert not connection.in_atomic_block
    assert connection.get_autocommit()
    [_, entries_now, told_now, made_now, _] = seen()
    # What was asked for, what was fulfilled, and the entry.
    assert (entries_now - entries, told_now - told, made_now - made) == (1, 3, 1)
    assert redemption.entry == LedgerEntry.objects.get(type="redeem")
    assert Redemption.objects.get().entry_id == redemption.entry.pk
    assert reading.broken_promises() == {}


def test_a_refused_redemption_leaves_nothing(alice, buy, redeem, seen):
    buy()
    cake = Reward.objects.create(program=alice.program, slug="cake", name="Cake", cost_points=46, stock=1)
    gone = Reward.objects.create(program=alice.program, slug="tea", name="Tea", cost_points=1, stock=0)
    redeem()
    before = seen()
    ben = make_member(alice.program, "ben")
    before = seen()

    for refusal, asked in [
        (ledger.InsufficientPoints, {"order": "S-2", "points": 36}),
        (ledger.InsufficientPoints, {"order": "S-2", "reward": cake}),
        (RewardUnavailable, {"order": "S-2", "reward": gone}),
        (ledger.KeyReused, {"points": 11}),
        (ledger.OrderAlreadyUsed, {"member": ben}),
        (InvalidText, {"metadata": {"order_id": "a\0b"}}),
        (InvalidReference, {"order": "S-\0"}),
    ]:
        with pytest.raises(refusal):
            redeem(**asked)
        assert seen() == before
        assert connection.get_autocommit()

    # The connection goes on as if nothing had been asked.
    assert redeem("S-2").entry.points_delta == -10


def test_a_retried_redemption_changes_nothing(buy, redeem, seen):
    buy()
    first = redeem()
    before = seen()

    again = redeem()

    assert (again.pk, again.replayed) == (first.pk, True)
    assert seen() == before


@pytest.mark.parametrize("ending", ["rolled back", "committed", "refused"])
def test_a_redemption_in_somebodys_transaction_does_not_commit_it(alice, buy, redeem, seen, ending):
    buy()
    before = seen()

    with suppress(GivenUp, Refusal), transaction.atomic():
        Member.objects.filter(pk=alice.pk).update(card_number="changed before")
        redeem(points=46 if ending == "refused" else 10)
        assert seen() == before
        Member.objects.filter(pk=alice.pk).update(card_number="changed after")
        assert seen() == before
        if ending == "rolled back":
            raise GivenUp

    alice.refresh_from_db()
    if ending == "committed":
        assert alice.card_number == "changed after"
        assert Redemption.objects.count() == 1
    else:
        assert seen() == before
        assert "changed" not in alice.card_number


def test_redemptions_follow_one_another_on_one_connection(buy, redeem, seen):
    buy()

    for number in range(4):
        redeem(f"S-{number}")
        assert seen()[3] == number + 1
    with pytest.raises(ledger.InsufficientPoints):
        redeem("S-9")

    assert Member.objects.get().points_balance == 5
    assert reading.broken_promises() == {}


def _last(posting):
    return ledger.post([posting], at=NOON, news=["loyalty.points_redeemed"], last=True)


def test_what_is_posted_last_is_seen_before_its_block_ends(alice, buy, seen):
    buy()
    spending = Posting(member=alice, type=EntryType.REDEEM, points=-10)

    with transaction.atomic():
        _last(spending)
        assert seen()[1] == 2

    assert reading.broken_promises() == {}


def test_what_is_posted_last_in_an_inner_block_waits_for_the_outer_one(alice, buy, seen):
    buy()
    before = seen()

    with pytest.raises(GivenUp), transaction.atomic(), transaction.atomic(savepoint=False):
        _last(Posting(member=alice, type=EntryType.REDEEM, points=-10))
        assert seen() == before
        raise GivenUp

    assert seen() == before


def test_what_the_commit_refuses_leaves_nothing(alice, buy, redeem, seen):
    """Foreign keys of a redemption are looked at when the transaction ends."""
    buy()
    before = seen()

    with pytest.raises(IntegrityError, match="foreign key"):
        redeem(store=Store(pk=new_id(), merchant=alice.merchant))

    assert seen() == before
    assert connection.get_autocommit()
    redeem()


def test_a_second_batch_does_not_commit_along(alice):
    bob = make_member(alice.program, "bob")
    earnings = [Posting(member=member, type=EntryType.EARN, points=5) for member in (alice, bob)]

    with pytest.raises(RuntimeError, match="posted before"), transaction.atomic():
        ledger.post(earnings[:1], at=NOON)
        ledger.post(earnings[1:], at=NOON, last=True)

    assert not LedgerEntry.objects.exists()
