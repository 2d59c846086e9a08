"""Programs, tiers, rewards, stores: made, read, changed, deleted."""

import pytest

from loyalty.models import Program, Reward, Tier
from loyalty_site.tenants.models import Store


@pytest.fixture
def things(program, counter):
    """One row of each list, by the list's name."""
    return {
        "programs": program,
        "tiers": Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=100),
        "rewards": Reward.objects.create(program=program, slug="espresso", name="Espresso", cost_points=120),
        "stores": counter,
    }


def test_a_tier_is_made_read_changed_and_deleted(manager, program):
    body = {"programId": str(program.pk), "slug": "gold", "name": "Gold", "pointThreshold": 1000, "multiplier": "1.5"}

    made = manager.post("tiers", body)
    tier = f"tiers/{made.json()['id']}"
    changed = manager.patch(tier, {"benefits": ["Free delivery"], "multiplier": 2})

    assert (made.status_code, made.json()["multiplier"]) == (201, "1.5000")
    assert (changed.status_code, changed.json()["benefits"]) == (200, ["Free delivery"])
    assert manager.get(tier).json() == changed.json()
    assert manager.get(tier).json()["multiplier"] == "2.0000"
    assert manager.delete(tier).status_code == 204
    assert manager.get(tier).status_code == 404


def test_a_reward_is_made_read_changed_and_deleted(manager, program):
    body = {"program_id": str(program.pk), "slug": "espresso", "name": "Espresso", "cost_points": 120}

    made = manager.post("rewards", body)
    reward = f"rewards/{made.json()['id']}"
    changed = manager.patch(reward, {"costPoints": 150, "description": "Single.\nOr double."})

    assert made.status_code == 201
    assert (changed.json()["costPoints"], changed.json()["description"]) == (150, "Single.\nOr double.")
    assert manager.get("rewards").json()["rewards"] == [changed.json()]
    assert manager.delete(reward).status_code == 204
    assert manager.get("rewards").json()["rewards"] == []


def test_a_program_is_changed_by_its_rules(manager, program):
    rules = {"expiryPolicy": "inactivity", "pointsExpirationDays": 180, "timeZone": "Europe/Luxembourg"}

    changed = manager.patch(f"programs/{program.pk}", rules | {"confirmShorterExpiry": True})

    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in rules} == rules
    program.refresh_from_db()
    assert (program.expiry_policy, program.points_expiration_days) == ("inactivity", 180)
    assert program.name == "Cafe club"


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"currency": "euro"}, "currency"),
        ({"pointsPerUnit": "-1"}, "pointsPerUnit"),
        ({"pointsPerUnit": "1.1234567"}, "pointsPerUnit"),
        ({"stampsTarget": 0}, "stampsTarget"),
        ({"stampsTarget": "10"}, "stampsTarget"),
        ({"expiryPolicy": "sometimes"}, "expiryPolicy"),
        ({"isActive": "yes"}, "isActive"),
        ({"name": ""}, "name"),
        ({"merchant": "bookshop"}, "merchant"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "createdAt"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_name(manager, program, body, attr):
    answer = manager.patch(f"programs/{program.pk}", body)

    assert answer.status_code == 400
    assert {error["attr"] for error in answer.json()["errors"]} == {attr}


def test_a_merchant_has_one_active_program(manager, cafe, program):
    body = {"merchant": "cafe", "name": "Second club", "currency": "EUR"}

    second = manager.post("programs", body)
    sleeping = manager.post("programs", {**body, "isActive": False})

    assert (second.status_code, second.json()["code"]) == (409, "already_exists")
    assert sleeping.status_code == 201
    assert Program.objects.filter(merchant=cafe).count() == 2


def test_the_currency_of_earned_points_stays(manager, program, buy):
    before = manager.patch(f"programs/{program.pk}", {"currency": "CHF"})
    manager.patch(f"programs/{program.pk}", {"currency": "EUR"})
    buy()
    after = manager.patch(f"programs/{program.pk}", {"currency": "CHF"})

    assert before.status_code == 200
    assert (after.status_code, after.json()["code"]) == (409, "currency_in_use")


def test_two_rows_of_one_name_are_refused(manager, owner, program, things):
    tier = {"programId": str(program.pk), "slug": "gold", "name": "Again", "pointThreshold": 5}
    reward = {"programId": str(program.pk), "slug": "espresso", "name": "Again", "costPoints": 5}
    store = {"merchant": "cafe", "reference": "counter", "name": "Again"}

    answers = [manager.post("tiers", tier), manager.post("rewards", reward), owner.post("stores", store)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "already_exists")] * 3


def test_what_is_in_use_is_not_deleted(owner, program, counter, alice, buy):
    buy()

    answers = [owner.delete(f"programs/{program.pk}"), owner.delete(f"stores/{counter.pk}")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "in_use")] * 2
    assert owner.patch(f"stores/{counter.pk}", {"isActive": False}).json()["isActive"] is False


def test_an_unused_store_is_deleted(owner):
    made = owner.post("stores", {"merchant": "cafe", "reference": "kiosk", "name": "Kiosk"})

    assert made.status_code == 201
    assert owner.delete(f"stores/{made.json()['id']}").status_code == 204
    assert not Store.objects.filter(reference="kiosk").exists()


def test_a_row_is_made_once_for_one_key(manager, program):
    body = {"programId": str(program.pk), "slug": "gold", "name": "Gold", "pointThreshold": 1000}

    first, again = manager.post("tiers", body, key="t-1"), manager.post("tiers", body, key="t-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert Tier.objects.count() == 1


@pytest.mark.parametrize("name", ["programs", "tiers", "rewards", "stores"])
def test_a_list_shows_one_merchant_or_all(hire, platform, bookshop, things, name):
    of_the_cafe = hire("owner").get(name).json()[name]
    of_the_bookshop = platform.get(name, merchant="bookshop").json()[name]
    of_all = platform.get(name).json()[name]

    assert [row["id"] for row in of_the_cafe] == [str(things[name].pk)]
    assert {row["merchant"] for row in of_all} <= {"cafe", "bookshop"}
    assert str(things[name].pk) not in [row["id"] for row in of_the_bookshop]


@pytest.fixture
def idle(program, alice, buy):
    """Alice, who has 45 points and was last seen on the second of March 2026."""
    buy()
    return alice


def test_a_shorter_expiry_is_refused_with_what_the_next_night_would_take(manager, program, idle):
    rules = {"expiryPolicy": "inactivity", "pointsExpirationDays": 30}

    answer = manager.patch(f"programs/{program.pk}", rules)

    assert (answer.status_code, answer.json()["code"]) == (409, "expiry_would_shorten")
    assert {name: answer.json()[name] for name in ("members", "points", "unwarned")} == {
        "members": 1,
        "points": 45,
        "unwarned": 1,
    }
    assert answer.json()["night"].endswith("T02:00:00Z")
    program.refresh_from_db()
    assert program.expiry_policy == "none"


@pytest.mark.parametrize("confirmed", [False, "true", 1, None])
def test_only_true_confirms_a_shorter_expiry(manager, program, idle, confirmed):
    rules = {"expiryPolicy": "inactivity", "pointsExpirationDays": 30, "confirmShorterExpiry": confirmed}

    assert manager.patch(f"programs/{program.pk}", rules).status_code in (400, 409)
    program.refresh_from_db()
    assert program.expiry_policy == "none"


def test_a_program_that_is_switched_on_again_with_its_expiry_is_asked_about_too(manager, program, idle):
    rules = {"expiryPolicy": "inactivity", "pointsExpirationDays": 30, "isActive": False}
    assert manager.patch(f"programs/{program.pk}", rules).status_code == 200

    answer = manager.patch(f"programs/{program.pk}", {"isActive": True})

    assert answer.json()["code"] == "expiry_would_shorten"


def test_a_longer_expiry_and_a_confirmed_shorter_one_stand(manager, program, idle):
    address = f"programs/{program.pk}"
    rules = {"expiryPolicy": "inactivity", "pointsExpirationDays": 30, "confirmShorterExpiry": True}

    assert manager.patch(address, rules).status_code == 200
    assert manager.patch(address, {"pointsExpirationDays": 60}).status_code == 200
    assert manager.patch(address, {"pointsExpirationDays": 59}).status_code == 409


def test_two_active_tiers_with_one_threshold_are_refused_in_the_models_own_words(manager, program, things):
    body = {"programId": str(program.pk), "slug": "other", "name": "Other", "pointThreshold": 100}

    answer = manager.post("tiers", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert answer.json()["detail"] == "Another active tier begins at the same points."
