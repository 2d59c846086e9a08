"""Who comes in at the door of operators and members, and as whom."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import Member
from loyalty.operations import anonymization
from loyalty_site.http.models import RateWindow
from loyalty_site.ids import new_id
from tests.callers import LOYALTY, Caller, at_the_hub, operator_of, signed_in
from tests.tills import problem


@pytest.mark.parametrize("scope", ["checkout", "operator"])
def test_an_operators_key_needs_no_store(cafe, counter, ana, scope):
    path = f"members/{ana.customer.user_id}"

    assert operator_of(cafe, scope).get(path).json()["id"] == str(ana.pk)
    assert operator_of(cafe, scope, counter).get(path).json()["id"] == str(ana.pk)


def test_a_tills_key_is_not_an_operators(till, ana, cafe, counter):
    client = Caller(Authorization=f"Api-Key {till.secret}")

    problem(client.get(f"members/{ana.customer.user_id}"), 403, "wrong_scope")


def test_a_member_sees_themselves_and_nobody_else(me, ana, alice, bookworm):
    assert me.get(f"members/{ana.customer.user_id}").json()["userId"] == str(ana.customer.user_id)
    for other in (alice.customer.user_id, bookworm.customer.user_id, new_id()):
        problem(me.get(f"members/{other}"), 404, "not_found")
    assert Member.objects.count() == 3


def test_what_is_no_uuid_is_malformed(operator, me):
    for client in (operator, me):
        for name in ("me", "0", "%00", "a" * 300, "00000000-0000-0000-0000-00000000000g"):
            body = problem(client.get(f"members/{name}"), 400, "invalid")
            assert body["errors"][0]["attr"] == "userId"


def test_without_a_credential_the_answer_is_401(db):
    response = Client().get(f"{LOYALTY}members/{new_id()}")

    problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"]


@pytest.mark.parametrize("text", ["Bearer nonsense", "Bearer rs_x", "Api-Key rk_x"])
def test_a_credential_that_is_none_is_401_even_where_none_is_needed(db, text):
    for path in ("tiers", f"members/{new_id()}"):
        assert Caller(Authorization=text).get(path).status_code == 401


def test_a_member_who_signed_in_at_the_hub_needs_no_token(ana):
    browser = at_the_hub(ana)

    response = browser.get(f"{LOYALTY}members/{ana.customer.user_id}")

    assert response.json()["id"] == str(ana.pk)


def test_token_and_session_of_a_member_share_their_limit(ana, me, settings):
    settings.RATE_LIMIT_MEMBER = 2
    path = f"members/{ana.customer.user_id}"

    assert me.get(path).status_code == at_the_hub(ana).get(LOYALTY + path).status_code == 200
    response = me.get(path)

    problem(response, 429, "rate_limited")
    assert int(response["Retry-After"]) >= 1
    assert RateWindow.objects.get().subject == f"member:{ana.merchant_id}:{ana.customer.user_id}"


def test_an_operators_store_is_limited_as_a_whole(counter, cafe, ana, settings):
    settings.RATE_LIMIT_STORE = 2
    first, second = (operator_of(cafe, "operator", counter) for _ in range(2))
    path = f"members/{ana.customer.user_id}"

    assert [client.get(path).status_code for client in (first, second, first)] == [200, 200, 429]


def test_a_session_opens_nothing_once_the_person_is_forgotten(ana, noon):
    browser = at_the_hub(ana)
    anonymization.anonymize(member=ana, at=noon)

    problem(browser.get(f"{LOYALTY}members/{new_id()}"), 401, "not_authenticated")


@pytest.mark.parametrize("stored", [{}, {"member_merchant_id": "x", "member_customer_id": "y"}])
def test_a_session_of_somebody_else_opens_nothing(ana, stored):
    browser = at_the_hub(ana)
    session = browser.session
    session.clear()
    session.update(stored)
    session.save()

    problem(browser.get(f"{LOYALTY}members/{ana.customer.user_id}"), 401, "not_authenticated")


def test_a_session_names_a_customer_of_its_own_merchant(ana, bookworm):
    browser = at_the_hub(ana)
    session = browser.session
    session["member_merchant_id"] = str(bookworm.merchant_id)
    session.save()

    problem(browser.get(f"{LOYALTY}members/{ana.customer.user_id}"), 401, "not_authenticated")


# --- What everybody may know ----------------------------------------------------------------------------------
@pytest.fixture
def ladder(program, bookshop):
    from loyalty.models import Reward, Tier

    for slug, points in (("gold", 500), ("silver", 100)):
        Tier.objects.create(
            program=program, slug=slug, name=slug.title(), point_threshold=points, benefits=[f"{slug} cup"]
        )
    Tier.objects.create(program=program, slug="old", name="Old", point_threshold=1, is_active=False)
    Tier.objects.create(program=bookshop, slug="reader", name="Reader", point_threshold=1)
    for slug, points in (("cake", 300), ("coffee", 50)):
        Reward.objects.create(program=program, slug=slug, name=slug.title(), cost_points=points)
    Reward.objects.create(program=program, slug="gone", name="Gone", cost_points=1, is_active=False)


def test_tiers_and_rewards_are_public_and_complete(ladder, program):
    [silver, gold] = Caller().get("tiers", merchant="cafe").json()
    [coffee, cake] = Caller().get("rewards", merchant="cafe").json()

    row = program.tiers.get(slug="silver")
    assert silver == {
        "id": str(row.pk),
        "slug": "silver",
        "name": "Silver",
        "description": "",
        "pointThreshold": 100,
        "benefits": ["silver cup"],
        "isActive": True,
    }
    assert gold["pointThreshold"] == 500
    assert coffee == {
        "id": str(program.rewards.get(slug="coffee").pk),
        "slug": "coffee",
        "name": "Coffee",
        "description": "",
        "costPoints": 50,
        "isActive": True,
    }
    assert cake["costPoints"] == 300


def test_a_reward_is_offered_between_its_dates(ladder, program, till):
    from loyalty.models import Reward

    now = timezone.now()
    coffee, cake = (Reward.objects.filter(program=program, slug=slug) for slug in ("coffee", "cake"))

    def offered(**dates):
        coffee.update(**{"starts_at": None, "ends_at": None} | dates)
        shown = [each["slug"] for each in Caller().get("rewards", merchant="cafe").json()]
        assert [each["slug"] for each in till.get("program").json()["rewards"]] == shown
        return "coffee" in shown

    cake.update(starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1))
    assert offered()
    assert not offered(starts_at=now + timedelta(hours=1))
    assert not offered(ends_at=now - timedelta(seconds=1))
    assert offered(starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1))
    assert [each["slug"] for each in Caller().get("rewards", merchant="cafe").json()] == ["coffee", "cake"]


@pytest.mark.parametrize("path", ["next-actions", "export", "preferences", "members/{}", "tiers", "ledger", "timeline"])
def test_a_query_that_nobody_asked_for_is_refused(me, ana, path):
    path = path.format(ana.customer.user_id)

    assert me.get(path).status_code == 200
    assert problem(me.get(path, colour="red"), 400, "unknown_field")["errors"][0]["attr"] == "colour"


def test_the_merchant_is_the_credentials_else_the_one_named_else_the_only_one(ladder, cafe, bookworm, till):
    def slugs(client, **query):
        return [tier["slug"] for tier in client.get("tiers", **query).json()]

    reader = signed_in(bookworm.merchant, bookworm.customer.user_id)
    assert slugs(reader) == slugs(reader, merchant="cafe") == ["reader"]
    assert slugs(operator_of(cafe)) == slugs(Caller(Authorization=f"Api-Key {till.secret}")) == ["silver", "gold"]
    assert slugs(Caller(), merchant="bookshop") == ["reader"]
    problem(Caller().get("tiers"), 400, "which_merchant")
    problem(Caller().get("tiers", merchant="nobody"), 404, "not_found")
    bookworm.merchant.is_active = False
    bookworm.merchant.save()
    assert slugs(Caller()) == ["silver", "gold"]
