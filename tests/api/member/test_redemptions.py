"""Redemptions at the doors of operators and members."""

import pytest

from loyalty.models import Member, Redemption, Reward, RewardKind
from loyalty.operations import reward_codes
from loyalty_site.ids import new_id
from tests.callers import operator_of, signed_in
from tests.tills import problem

FIELDS = {
    "id", "memberId", "rewardId", "status", "pointsCost", "quantity", "requestedAt", "fulfilledAt", "cancelledAt",
    "failureReason",
}  # fmt: skip


@pytest.fixture
def tea(program):
    return Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=100, stock=5)


@pytest.fixture
def rich(ana, earn):
    """Ana with 1,000 points."""
    earn("100.00")
    ana.refresh_from_db()
    return ana


@pytest.fixture
def ask(operator, rich, tea):
    return lambda body, **more: operator.post(f"members/{rich.customer.user_id}/redemptions", body, **more)


def test_a_redemption_is_requested_with_exactly_these_fields(ask, rich, tea):
    response = ask({"rewardSlug": "tea", "quantity": 2, "pointsCost": 7, "metadata": {"table": "7"}})

    body = response.json()
    assert response.status_code == 201
    assert set(body) == FIELDS
    assert (body["memberId"], body["rewardId"], body["pointsCost"], body["quantity"], body["status"]) == (
        str(rich.pk), str(tea.pk), 200, 2, "requested",
    )  # fmt: skip
    assert Redemption.objects.get().metadata == {"table": "7"}
    rich.refresh_from_db()
    assert rich.points_held == 200


def test_bare_points_are_the_total(ask, rich):
    body = ask({"pointsCost": 30, "quantity": 3}).json()

    assert (body["pointsCost"], body["quantity"], body["rewardId"]) == (30, 3, None)


def test_refusals_say_which(ask, operator):
    problem(ask({"pointsCost": 1001}), 409, "insufficient_points")
    problem(ask({"rewardSlug": "tea", "quantity": 6}), 409, "reward_unavailable")
    problem(ask({"rewardSlug": "nothing"}), 409, "reward_unavailable")
    problem(ask({}), 400, "one")
    problem(ask({"pointsCost": 1, "quantity": 0}), 400, "min_value")
    problem(operator.post(f"members/{new_id()}/redemptions", {"rewardSlug": "tea"}), 409, "insufficient_points")
    assert Redemption.objects.count() == 0
    assert Reward.objects.get().stock == 5


def test_a_key_makes_it_once(ask, tea):
    first = ask({"rewardSlug": "tea"}, key="k")
    again = ask({"rewardSlug": "tea"}, key="k")

    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")
    tea.refresh_from_db()
    assert tea.stock == 4


@pytest.mark.parametrize(
    ("call", "body", "status", "at"),
    [
        ("fulfill", {"description": "A tea", "metadata": {"till": 2}}, "fulfilled", "fulfilledAt"),
        ("fail", {"reason": "no water"}, "failed", None),
        ("cancel", {"reason": "no thirst"}, "cancelled", "cancelledAt"),
        ("cancel", {}, "cancelled", "cancelledAt"),
    ],
)
def test_it_is_closed_once_and_then_answered_unchanged(ask, operator, rich, call, body, status, at):
    made = ask({"rewardSlug": "tea"}).json()

    closed = operator.post(f"redemptions/{made['id']}/{call}", body)

    assert closed.status_code == 200
    assert set(closed.json()) == FIELDS
    assert (closed.json()["status"], closed.json()["failureReason"]) == (status, body.get("reason"))
    assert at is None or closed.json()[at] is not None
    for other, more in (("fulfill", {}), ("fail", {"reason": "x"}), ("cancel", {})):
        assert operator.post(f"redemptions/{made['id']}/{other}", more).json() == closed.json()
    rich.refresh_from_db()
    assert (rich.points_held, rich.points_balance) == (0, 900 if status == "fulfilled" else 1000)


def test_a_member_reads_the_code_in_the_ledger(ask, operator, me, rich, program):
    voucher = Reward.objects.create(
        program=program, slug="voucher", name="V", cost_points=5, kind=RewardKind.DISCOUNT_CODE
    )
    reward_codes.upload(reward=voucher, codes=["TEN-OFF"])
    made = ask({"rewardSlug": "voucher"}).json()
    operator.post(f"redemptions/{made['id']}/fulfill", {})

    entry = me.get("ledger").json()["entries"][0]

    assert entry["metadata"] == {"redemption_id": made["id"], "reward_id": str(voucher.pk), "codes": ["TEN-OFF"]}


def test_anothers_redemption_is_not_there(ask, bookshop, operator):
    made = ask({"pointsCost": 1}).json()

    stranger = operator_of(bookshop.merchant)
    for call, body in (("fulfill", {}), ("fail", {"reason": "x"}), ("cancel", {})):
        problem(stranger.post(f"redemptions/{made['id']}/{call}", body), 404, "not_found")
    assert Redemption.objects.get().status == "requested"


def test_members_may_read_but_not_redeem(me, rich):
    problem(me.post(f"members/{rich.customer.user_id}/redemptions", {"pointsCost": 1}), 403, "wrong_scope")


def test_a_member_walks_their_redemptions_newest_first(ask, me, operator):
    made = [ask({"pointsCost": number}).json() for number in range(1, 8)]
    operator.post(f"redemptions/{made[0]['id']}/cancel", {})
    seen, cursor = [], None
    while True:
        page = me.get("redemptions", limit=3, **({"cursor": cursor} if cursor else {})).json()
        assert set(page) == {"redemptions", "nextCursor", "pendingCount"}
        assert page["pendingCount"] == 6
        seen += page["redemptions"]
        cursor = page["nextCursor"]
        if cursor is None:
            break

    assert [each["id"] for each in seen] == [each["id"] for each in reversed(made)]
    assert all(set(each) == FIELDS for each in seen)


def test_a_filter_leaves_the_count_alone_and_binds_the_cursor(ask, me, operator):
    made = [ask({"pointsCost": number}).json() for number in range(1, 4)]
    operator.post(f"redemptions/{made[0]['id']}/cancel", {})

    page = me.get("redemptions", statuses=["cancelled", "failed"]).json()
    cursor = me.get("redemptions", limit=1).json()["nextCursor"]

    assert ([each["id"] for each in page["redemptions"]], page["pendingCount"]) == ([made[0]["id"]], 2)
    problem(me.get("redemptions", limit=1, statuses="cancelled", cursor=cursor), 400, "invalid_cursor")
    problem(me.get("redemptions", statuses="nonsense"), 400, "invalid_choice")


def test_somebody_elses_redemptions_are_not_shown(ask, rich, alice):
    ask({"pointsCost": 1})

    page = signed_in(alice.merchant, alice.customer.user_id).get("redemptions").json()

    assert page == {"redemptions": [], "nextCursor": None, "pendingCount": 0}
    assert Member.objects.count() == 2
