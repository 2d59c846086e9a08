"""What makes a nudge, what it says, and what ends it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import ExpiryPolicy, Reward
from loyalty.next_action_texts import LANGUAGES
from loyalty.operations import checkout, redemptions
from notifications.models import Nudge, NudgeType
from notifications.nudges import campaigns, feed, texts
from tests.cast import make_member, make_merchant
from tests.notifications.nudging import aggregate, campaign, give, intend, nudges_of, request


@pytest.fixture
def lots(program):
    """The café's points expire 90 days after they came."""
    program.expiry_policy, program.points_valid_days = ExpiryPolicy.LOTS, 90
    program.save()
    return program


@pytest.fixture
def inactivity(program):
    """The café's points expire after 30 days without a visit."""
    program.expiry_policy, program.points_expiration_days = ExpiryPolicy.INACTIVITY, 30
    program.save()
    return program


# --- Points about to expire -----------------------------------------------------------------------------------
def test_a_lot_is_a_signal_in_its_last_seven_days(lots, alice, noon, cafe):
    give(alice, 120, at=noon, valid_days=30)
    lot = alice.lots.get()

    early = aggregate(cafe, noon + timedelta(days=23) - timedelta(seconds=1))
    late = aggregate(cafe, noon + timedelta(days=23))

    assert (early["created"], late["created"]) == (0, 1)
    nudge = Nudge.objects.get()
    assert (nudge.member_id, nudge.nudge_type, nudge.source_id) == (alice.pk, "expiring_points", str(lot.pk))
    assert nudge.payload == {
        "headline": "120 points to use before April 1, 2026",
        "body": "Whatever is left by then expires. Have a look at what you can get for it.",
        "ctaLabel": "See the rewards",
        "ctaHref": "/account/loyalty#rewards",
        "metadata": {"points": 120, "expiresAt": "2026-04-01T12:00:00+00:00"},
    }
    assert (nudge.campaign_slug, nudge.channels, nudge.priority) == ("expiring_points", ["email", "sms"], 20)
    assert nudge.expires_at == noon + timedelta(days=24)


def test_a_lot_that_is_due_already_is_no_signal(lots, alice, noon, cafe):
    give(alice, 120, at=noon, valid_days=30)

    assert aggregate(cafe, noon + timedelta(days=30))["created"] == 0


def test_what_is_held_is_not_said_to_expire(lots, alice, noon, cafe):
    give(alice, 120, at=noon, valid_days=5)
    request(alice, 100, at=noon)

    aggregate(cafe, noon)

    assert Nudge.objects.get(nudge_type="expiring_points").payload["metadata"]["points"] == 20


def test_the_day_inactivity_runs_out_is_the_source(inactivity, alice, noon, cafe, buy):
    buy()

    assert aggregate(cafe, noon + timedelta(days=22))["created"] == 0
    assert aggregate(cafe, noon + timedelta(days=24))["created"] == 1

    nudge = Nudge.objects.get()
    assert nudge.source_id == "inactivity:2026-04-01"
    assert nudge.payload["metadata"]["points"] == 45


def test_a_visit_ends_the_nudge_and_the_next_quiet_time_makes_a_new_one(inactivity, alice, noon, cafe, buy):
    buy()
    aggregate(cafe, noon + timedelta(days=24))
    buy(order="W-2", days=25)

    assert aggregate(cafe, noon + timedelta(days=25))["expired"] == 1
    assert aggregate(cafe, noon + timedelta(days=50))["created"] == 1

    assert [(each.source_id, each.status) for each in Nudge.objects.order_by("created_at")] == [
        ("inactivity:2026-04-01", "expired"),
        ("inactivity:2026-04-26", "active"),
    ]


def test_a_program_without_expiry_says_nothing_of_it(program, alice, noon, cafe):
    give(alice, 120, at=noon, valid_days=3)

    assert aggregate(cafe, noon)["created"] == 0


# --- Checkouts ------------------------------------------------------------------------------------------------
def test_an_intent_that_waits_is_a_signal_until_it_is_resolved(program, alice, noon, cafe):
    intent = intend(alice, at=noon, referral_code="RABBIT12")

    aggregate(cafe, noon)
    nudge = Nudge.objects.get()
    checkout.resolve(
        merchant=cafe, user_id=alice.customer.user_id, intent_id=intent.pk, status="resolved", at=noon
    )  # fmt: skip
    aggregate(cafe, noon)

    assert (nudge.nudge_type, nudge.source_id) == ("checkout_reminder", str(intent.pk))
    assert nudge.payload["headline"].startswith("Your code ")
    assert nudge.payload["ctaHref"] == "/account/loyalty/referrals"
    assert nudge.expires_at == noon + timedelta(days=2)
    assert nudges_of(alice) == {"checkout_reminder": "expired"}


def test_an_intent_past_its_time_is_none(program, alice, noon, cafe):
    intend(alice, at=noon, expires_at=noon + timedelta(days=1))

    assert aggregate(cafe, noon + timedelta(days=1))["created"] == 0


def test_an_intent_whose_redemption_was_closed_waits_for_nothing(program, alice, noon, cafe):
    give(alice, 100, at=noon)
    Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=10)
    intent = intend(alice, at=noon, kind="redemption", reward_slug="tea")
    aggregate(cafe, noon)
    said = Nudge.objects.get().payload
    redemptions.fulfil(redemption=intent.redemption, at=noon)

    assert said["headline"] == "Tea is waiting for you"
    assert "10 points" in said["body"]
    assert aggregate(cafe, noon)["expired"] == 1


# --- Rewards not picked up ------------------------------------------------------------------------------------
def test_a_redemption_is_asked_after_from_its_third_to_its_fourteenth_day(program, alice, noon, cafe):
    give(alice, 100, at=noon)
    redemption = request(alice, 30, at=noon)
    when = [3 - 0.001, 3, 13.99, 14]

    seen = [aggregate(cafe, noon + timedelta(days=days)) for days in when]

    assert [each["created"] for each in seen] == [0, 1, 0, 0]
    assert [each["expired"] for each in seen] == [0, 0, 0, 1]
    nudge = Nudge.objects.get()
    assert (nudge.source_id, nudge.payload["metadata"]["redemptionId"]) == (str(redemption.pk),) * 2
    assert nudge.expires_at == noon + timedelta(days=14)


# --- Staying and going ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["acknowledged", "dismissed"])
def test_what_was_put_away_stays_so_until_the_signal_is_new(lots, alice, noon, cafe, status):
    give(alice, 10, at=noon, valid_days=5)
    aggregate(cafe, noon)
    nudge = Nudge.objects.get()
    feed.answer(merchant=cafe, user_id=alice.customer.user_id, nudge_id=nudge.pk, status=status, at=noon)

    again = aggregate(cafe, noon + timedelta(days=1))
    give(alice, 10, at=noon, valid_days=6, key="another")
    fresh = aggregate(cafe, noon + timedelta(days=1))

    assert (again["created"], again["renewed"], again["expired"], fresh["created"]) == (0, 0, 0, 1)
    nudge.refresh_from_db()
    assert nudge.status == status


def test_a_signal_that_comes_back_brings_its_nudge_back(lots, alice, noon, cafe):
    give(alice, 10, at=noon, valid_days=5)
    aggregate(cafe, noon)
    redemption = request(alice, 10, at=noon)
    gone = aggregate(cafe, noon)
    redemptions.cancel(redemption=redemption, at=noon)

    back = aggregate(cafe, noon + timedelta(hours=1))

    assert (gone["expired"], back["renewed"]) == (1, 1)
    assert Nudge.objects.get().status == "active"
    assert Nudge.objects.get().last_triggered_at == noon + timedelta(hours=1)


def test_nothing_is_written_where_nothing_changed_and_half_the_time_is_left(lots, alice, noon, cafe):
    give(alice, 10, at=noon, valid_days=7)
    aggregate(cafe, noon)

    soon, later = aggregate(cafe, noon + timedelta(hours=12)), aggregate(cafe, noon + timedelta(hours=13))

    assert (soon["renewed"], later["renewed"]) == (0, 1)
    assert Nudge.objects.get().expires_at == noon + timedelta(hours=37)


def test_a_member_who_is_switched_off_has_no_nudges(lots, alice, noon, cafe):
    give(alice, 10, at=noon, valid_days=5)
    aggregate(cafe, noon)
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)

    assert aggregate(cafe, noon)["expired"] == 1


def test_another_merchants_members_are_not_looked_at(lots, bookshop, bookworm, noon, cafe):
    give(bookworm, 10, at=noon, valid_days=5)

    assert aggregate(cafe, noon)["members"] == 0
    assert aggregate(bookshop.merchant, noon)["created"] == 1


def test_each_member_is_looked_at_once_whatever_they_have(lots, alice, noon, cafe):
    give(alice, 100, at=noon, valid_days=5)
    request(alice, 10, at=noon - timedelta(days=4))
    for number in range(3):
        intend(alice, at=noon, name=f"i-{number}")
    bob = make_member(lots, "bob")
    intend(bob, at=noon)

    assert aggregate(cafe, noon, chunk=2) == {
        "merchants": 1, "members": 2, "created": 6, "renewed": 0, "expired": 0
    }  # fmt: skip
    assert aggregate(cafe, noon, chunk=1)["members"] == 2


def test_a_preview_writes_nothing(lots, alice, noon, cafe):
    give(alice, 10, at=noon, valid_days=5)

    foreseen = aggregate(cafe, noon, dry_run=True)

    assert (foreseen["created"], Nudge.objects.count()) == (1, 0)


@pytest.mark.parametrize("members", [3, 30])
def test_a_run_asks_as_often_for_thirty_members_as_for_three(lots, noon, cafe, members):
    for number in range(members):
        intend(make_member(lots, f"member{number}"), at=noon)

    with CaptureQueriesContext(connection) as queries:
        assert aggregate(cafe, noon)["created"] == members

    looks = [each for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    # Campaigns, program, four walks with their pins, and for the chunk its pin, a look and a write.
    assert len(looks) == 13, [each["sql"][:80] for each in looks]


# --- Campaigns ------------------------------------------------------------------------------------------------
def test_every_merchant_begins_with_the_same_three_campaigns_and_keeps_its_own(program, bookshop, noon, cafe):
    own = campaign(cafe, "expiring_points", priority=99)

    assert campaigns.seed(at=noon) == 0
    own.refresh_from_db()
    assert own.priority == 99
    assert (
        sorted(bookshop.merchant.pk == each.merchant_id for each in type(own).objects.all()) == [False] * 3 + [True] * 3
    )


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"starts_at": "2026-03-02T12:00:01+00:00"},
        {"starts_at": "2026-01-02T12:00:00+00:00", "ends_at": "2026-03-02T12:00:00+00:00"},
    ],
)
def test_a_campaign_that_is_not_in_force_is_silent(lots, alice, noon, cafe, change):
    give(alice, 10, at=noon, valid_days=5)
    aggregate(cafe, noon)
    campaign(cafe, "expiring_points", **change)

    assert aggregate(cafe, noon)["expired"] == 1
    assert nudges_of(alice) == {"expiring_points": "expired"}


def test_of_two_campaigns_the_one_of_the_higher_priority_speaks(lots, alice, noon, cafe):
    ordinary = campaign(cafe, "expiring_points")
    type(ordinary).objects.create(
        merchant=cafe, slug="spring", nudge_type=NudgeType.EXPIRING_POINTS, priority=30, channels=["push"],
        ends_at=noon + timedelta(days=1),
    )  # fmt: skip
    give(alice, 10, at=noon, valid_days=5)

    aggregate(cafe, noon)
    spring = Nudge.objects.get()
    aggregate(cafe, noon + timedelta(days=1))

    assert (spring.campaign_slug, spring.channels, spring.priority) == ("spring", ["push"], 30)
    assert Nudge.objects.get().campaign_slug == "expiring_points"


# --- Words ----------------------------------------------------------------------------------------------------
def test_a_nudge_speaks_the_members_language_by_the_members_clock(lots, alice, noon, cafe):
    give(alice, 1200, at=noon, valid_days=2.49)
    said = {}
    for language in LANGUAGES:
        type(alice.customer).objects.update(locale=f"{language}-LU", time_zone="Pacific/Auckland")
        aggregate(cafe, noon)
        said[language] = Nudge.objects.get().payload["headline"]

    assert said == {
        "en": "1,200 points to use before March 5, 2026",
        "fr": "1\u202f200 points à utiliser avant le 5 mars 2026",
        "de": "1.200 Punkte vor dem 5. März 2026 einlösen",
        "lb": "1.200 Punkten anzeléise virum 5. Mäerz 2026",
    }


def test_every_text_is_there_in_every_language_with_the_same_facts_to_fill_in():
    tables = [value for name, value in vars(texts).items() if name.isupper() and not name.startswith("_")]
    facts = ("points", "date", "reward", "code")
    assert len(tables) == 5
    for table in tables:
        assert set(table) == set(LANGUAGES)
        named = set()
        for words in table.values():
            text = f"{words.headline} {words.description} {words.cta}"
            named.add(tuple(fact for fact in facts if f"{{{fact}}}" in text))
            assert "{" not in text.format(**dict.fromkeys(facts, "x"))
            assert words.headline and words.description and words.cta  # noqa: PT018
        assert len(named) == 1


def test_braces_in_a_rewards_name_are_shown_as_they_are(program, alice, noon, cafe):
    give(alice, 100, at=noon)
    Reward.objects.create(program=program, slug="tea", name="Tea {points} {0}", cost_points=10)
    intend(alice, at=noon, kind="redemption", reward_slug="tea")

    aggregate(cafe, noon)

    assert Nudge.objects.get().payload["headline"] == "Tea {points} {0} is waiting for you"


def test_a_merchant_without_a_program_has_nothing_to_say(db, noon):
    program = make_merchant("old", is_active=False)

    assert aggregate(program.merchant, noon)["members"] == 0
