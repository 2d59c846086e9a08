"""Intents of a checkout, confirmed, cancelled and resolved (specs/api.md "checkout/intents", "next-actions")."""

from datetime import timedelta

import pytest

from loyalty.models import CheckoutIntent, Redemption, Reward
from loyalty.operations import checkout, redemptions
from loyalty.operations.checkout import Asked
from loyalty.queries import next_actions, reconciliation
from loyalty_site.ids import new_id
from loyalty_site.refusals import NotFound
from tests.cast import make_member, refused


@pytest.fixture
def rich(alice, buy):
    """Alice with 100 points."""
    buy("10.00")
    alice.refresh_from_db()
    return alice


@pytest.fixture
def tea(program):
    return Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=40, stock=5)


@pytest.fixture
def send(rich, noon):
    """Send intents of Alice's order: send(checkout.confirm, redemption("i-1"))."""

    def sent(action, *intents, member=rich, at=noon):
        return action(merchant=member.merchant, user_id=member.customer.user_id, order_id="W-7", intents=intents, at=at)

    return sent


def redemption(client_id="i-1", noon=None, **more):
    from tests.cast import NOON

    given = {} if {"points_cost", "reward_slug"} & set(more) else {"reward_slug": "tea"}
    return Asked(client_id=client_id, kind="redemption", created_at=NOON, **given, **more)


def share(client_id="s-1", **more):
    from tests.cast import NOON

    return Asked(client_id=client_id, kind="referral_share", created_at=NOON, **more)


def test_confirming_holds_the_points_and_the_unit_once(send, rich, tea):
    first = send(checkout.confirm, redemption(metadata={"a": 1}))
    again = send(checkout.confirm, redemption(metadata={"b": 2}))

    rich.refresh_from_db()
    tea.refresh_from_db()
    made = Redemption.objects.get()
    assert (rich.points_held, tea.stock) == (40, 4)
    assert (made.status, made.reward, made.metadata) == (
        "requested",
        tea,
        {"a": 1, "checkout_intent_id": "i-1", "order_id": "W-7"},
    )
    assert first.intents["i-1"].pk == again.intents["i-1"].pk
    assert CheckoutIntent.objects.get().metadata == {"a": 1, "b": 2}
    assert (first.replayed, again.replayed) == (False, False)
    assert send(checkout.confirm, redemption()).replayed


def test_one_that_cannot_be_paid_is_named_and_the_others_stand(send, rich, tea):
    outcome = send(
        checkout.confirm,
        redemption("i-1"),
        redemption("i-2", points_cost=61),
        redemption("i-3", reward_slug="nothing"),
        share("s-1"),
        redemption("i-4", points_cost=60),
    )

    rich.refresh_from_db()
    assert list(outcome.intents) == ["i-1", "s-1", "i-4"]
    assert {name: each.code for name, each in outcome.rejected.items()} == {
        "i-2": "insufficient_points",
        "i-3": "reward_unavailable",
    }
    assert rich.points_held == 100
    assert CheckoutIntent.objects.count() == 3
    assert list(reconciliation.differences()) == []


def test_units_granted_before_count_for_the_intents_after(send, tea):
    Reward.objects.update(stock=1, cost_points=1)

    outcome = send(checkout.confirm, redemption("i-1"), redemption("i-2"))

    assert (list(outcome.intents), list(outcome.rejected)) == (["i-1"], ["i-2"])


def test_confirm_cancel_confirm(send, rich, tea):
    send(checkout.confirm, redemption())
    cancelled = send(checkout.cancel, redemption())
    refused_one = send(checkout.confirm, redemption())

    rich.refresh_from_db()
    tea.refresh_from_db()
    made = Redemption.objects.get()
    assert (rich.points_held, tea.stock, made.status) == (0, 5, "cancelled")
    assert (made.reason, made.metadata["cancellationReason"]) == (("checkout_intent_cancelled",) * 2)
    assert cancelled.intents["i-1"].status == "cancelled"
    assert refused_one.rejected["i-1"].code == "intent_cancelled"
    assert send(checkout.cancel, redemption()).replayed


def test_a_cancelled_one_that_nobody_knew_is_kept_and_stays_cancelled(send, rich, tea):
    outcome = send(checkout.cancel, redemption())

    assert outcome.intents["i-1"].status == "cancelled"
    assert send(checkout.confirm, redemption()).rejected["i-1"].code == "intent_cancelled"
    assert not Redemption.objects.exists()


def test_what_was_handed_out_is_not_cancelled(send, rich, tea, noon):
    send(checkout.confirm, redemption(), share())
    redemptions.fulfil(redemption=Redemption.objects.get(), at=noon)

    outcome = send(checkout.cancel, redemption(), share())

    assert outcome.rejected["i-1"].code == "intent_fulfilled"
    assert outcome.intents["s-1"].status == "cancelled"
    entry = rich.entries.get(type="redeem")
    assert (entry.metadata["checkout_intent_id"], entry.metadata["order_id"]) == ("i-1", "W-7")


def test_the_same_id_for_something_else_is_refused(send, tea):
    send(checkout.confirm, redemption())

    for other in (share("i-1"), redemption(quantity=2), redemption(points_cost=40)):
        assert send(checkout.confirm, other).rejected["i-1"].code == "idempotency_key_reused"


def test_the_same_id_of_another_member_is_another_intent(send, program, tea, buy):
    bob = make_member(program, "bob")
    buy("10.00", order="bobs", member=bob)

    send(checkout.confirm, redemption())
    outcome = send(checkout.confirm, redemption(), member=bob)

    assert list(outcome.intents) == ["i-1"]
    assert Redemption.objects.count() == 2


def test_a_share_carries_the_members_code_and_makes_no_redemption(send, rich):
    outcome = send(checkout.confirm, share(channel="email"), share("s-2", referral_code="OTHER"))

    assert outcome.intents["s-1"].referral_code == rich.referral_code
    assert outcome.intents["s-2"].referral_code == "OTHER"
    assert not Redemption.objects.exists()


def test_somebody_nobody_has_seen_is_made_and_has_no_points(send, program, tea, noon):
    outcome = checkout.confirm(
        merchant=program.merchant,
        user_id=new_id(),
        order_id="W-1",
        intents=[redemption(), share()],
        at=noon,
    )

    assert (list(outcome.intents), list(outcome.rejected)) == (["s-1"], ["i-1"])


# --- The feed -----------------------------------------------------------------------------------------------------
def test_the_feed_shows_what_waits_oldest_first_until_it_expires(send, rich, tea, noon):
    send(checkout.confirm, redemption("late"), share("early"))
    CheckoutIntent.objects.filter(client_id="early").update(created_at=noon - timedelta(days=1))
    CheckoutIntent.objects.filter(client_id="late").update(expires_at=noon + timedelta(days=1))

    def shown(at):
        return [each.client_id for each in next_actions.pending(rich, at=at)]

    assert shown(noon) == ["early", "late"]
    assert shown(noon + timedelta(days=1)) == ["early"]
    assert shown(noon + timedelta(days=14)) == []


def test_what_was_handed_out_or_released_waits_no_more(send, rich, tea, noon):
    send(checkout.confirm, redemption("i-1"), redemption("i-2"))
    one, other = Redemption.objects.order_by("pk")
    redemptions.fulfil(redemption=one, at=noon)
    redemptions.cancel(redemption=other, at=noon)

    assert next_actions.pending(rich, at=noon) == []


@pytest.mark.parametrize(("status", "held"), [("resolved", 40), ("cancelled", 0)])
def test_resolving_takes_it_out_and_cancelling_lets_go(send, rich, tea, noon, status, held):
    intent = send(checkout.confirm, redemption()).intents["i-1"]
    ask = {"merchant": rich.merchant, "user_id": rich.customer.user_id, "intent_id": intent.pk, "at": noon}

    done = checkout.resolve(**ask, status=status)
    again = checkout.resolve(**ask, status="cancelled")

    rich.refresh_from_db()
    assert (done.status, done.resolved_at, again.status, rich.points_held) == (status, noon, status, held)
    assert next_actions.pending(rich, at=noon) == []


def test_anothers_intent_is_not_there(send, rich, tea, program, bookworm, noon):
    intent = send(checkout.confirm, share()).intents["s-1"]

    for stranger in (make_member(program, "bob"), bookworm):
        with refused(NotFound):
            checkout.resolve(
                merchant=stranger.merchant, user_id=stranger.customer.user_id, intent_id=intent.pk, at=noon
            )


@pytest.mark.parametrize(
    ("locale", "headline", "points"),
    [
        ("en-GB", "Tea is reserved for you", "40 points are"),
        ("fr-LU", "Tea : réservé pour vous", "40 points mis"),
        ("de", "Tea ist für Sie reserviert", "40 Punkte zurückgelegt"),
        ("lb", "Tea ass fir Iech reservéiert", "40 Punkten"),
        ("pt", "Tea is reserved for you", "March 16, 2026"),
    ],
)
def test_cards_speak_the_members_language(send, rich, tea, locale, headline, points):
    rich.customer.locale = locale
    card = next_actions.card(send(checkout.confirm, redemption()).intents["i-1"], rich)

    assert card.headline == headline
    assert points in card.description
    assert card.cta_href == "/account/loyalty#rewards"


def test_a_card_says_until_when_the_points_are_held_and_not_when_the_intent_is_over(send, rich, tea, program, noon):
    program.hold_days = 3
    program.save()
    sent = send(
        checkout.confirm,
        redemption("soon", expires_at=noon + timedelta(hours=1)),
        redemption("late", expires_at=noon + timedelta(days=30)),
        share(expires_at=noon + timedelta(days=30)),
    )
    rich.program.refresh_from_db()
    rich.customer.locale = "en"

    told = [next_actions.card(each, rich).description for each in sent.intents.values()]

    assert ["March 5, 2026" in each for each in told] == [True, True, False]
    read_again = [next_actions.card(each, rich).description for each in next_actions.pending(rich, at=noon)]
    assert sorted(read_again) == sorted(told)


def test_an_intent_is_settled_with_its_redemption(send, rich, tea, noon, program):
    send(checkout.confirm, *(redemption(name) for name in ("given", "stale")))
    given, stale = (CheckoutIntent.objects.get(client_id=name) for name in ("given", "stale"))
    redemptions.fulfil(redemption=given.redemption, at=noon)
    redemptions.release_stale(programs=[program], at=noon + timedelta(days=15))

    given.refresh_from_db()
    stale.refresh_from_db()
    assert (given.status, given.resolved_at) == ("resolved", noon)
    assert (stale.status, stale.resolved_at) == ("cancelled", noon + timedelta(days=15))


def test_a_name_with_braces_is_a_name(send, rich, tea):
    Reward.objects.update(name="{points} {0} tea")

    card = next_actions.card(send(checkout.confirm, redemption()).intents["i-1"], rich)

    assert card.headline == "{points} {0} tea is reserved for you"
