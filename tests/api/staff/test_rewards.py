"""Rewards at the admin door: what they have besides a name and a price."""

from loyalty.models import Reward, RewardKind, Tier
from loyalty.operations import catalogue, reward_codes
from loyalty.pictures import Picture
from tests.console.world import PIXEL


def test_a_reward_has_dates_stock_limit_tier_and_kind(manager, program):
    tier = Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=10)
    rules = {
        "kind": "free_text",
        "sku": "",
        "instructions": "Ask for Marie.\nBefore noon.",
        "startsAt": "2026-03-02T12:00:00Z",
        "endsAt": "2026-04-02T12:00:00Z",
        "stock": 5,
        "limitPerMember": 2,
        "minimumTierId": str(tier.pk),
    }
    body = {"programId": str(program.pk), "slug": "cake", "name": "Cake", "costPoints": 5, **rules}

    made = manager.post("rewards", body)
    changed = manager.patch(f"rewards/{made.json()['id']}", {"stock": None, "minimumTierId": None, "endsAt": None})

    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in rules} == rules
    assert (made.json()["picture"], made.json()["codesLeft"]) == (None, None)
    assert {name: changed.json()[name] for name in ("stock", "minimumTierId", "endsAt")} == {
        "stock": None,
        "minimumTierId": None,
        "endsAt": None,
    }
    assert manager.get("rewards").json()["rewards"] == [changed.json()]


def test_picture_and_codes_are_shown(manager, program, client):
    voucher = Reward.objects.create(program=program, slug="v", name="V", cost_points=5, kind=RewardKind.DISCOUNT_CODE)
    reward_codes.upload(reward=voucher, codes=["A", "B"])
    catalogue.set_picture(reward=voucher, picture=Picture(PIXEL, "image/png", 1, 1))

    shown = manager.get(f"rewards/{voucher.pk}").json()

    assert shown["codesLeft"] == 2
    assert client.get(shown["picture"]).content == PIXEL
    assert client.post(shown["picture"]).status_code == 405


def test_what_cannot_be_is_400(manager, program, bookshop):
    theirs = Tier.objects.create(program=bookshop, slug="gold", name="Gold", point_threshold=10)
    body = {"programId": str(program.pk), "slug": "cake", "name": "Cake", "costPoints": 5}
    unknown = "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11"
    answers = {}
    for name, more in {
        "foreign": {"minimumTierId": str(theirs.pk)},
        "unknown": {"minimumTierId": unknown},
        "stock": {"stock": -1},
        "limit": {"limitPerMember": 0},
        "kind": {"kind": "cash"},
        "words": {"kind": "free_text"},
        "naive": {"startsAt": "2026-03-02T12:00:00"},
    }.items():
        answers[name] = manager.post("rewards", body | more)
        assert answers[name].status_code == 400, (name, answers[name].content)
    assert answers["foreign"].json() | {"requestId": ""} == answers["unknown"].json() | {"requestId": ""}
    backwards = {"startsAt": "2026-03-02T12:00:00Z", "endsAt": "2026-03-02T12:00:00Z"}
    assert manager.post("rewards", body | backwards).json()["errors"][0]["attr"] == "endsAt"
    assert not Reward.objects.exists()


def test_a_catalogue_of_many_costs_as_many_queries_as_of_one(manager, program, django_assert_max_num_queries):
    for number in range(20):
        Reward.objects.create(program=program, slug=f"r-{number}", name="R", cost_points=5)

    with django_assert_max_num_queries(8):
        assert len(manager.get("rewards").json()["rewards"]) == 20
