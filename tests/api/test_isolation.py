"""Every address of the schema, with another merchant's rows: answered as if there were none."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.models import Reward, Tier
from loyalty.operations import checkout, points, redemptions
from loyalty_site.http import keys
from loyalty_site.ids import new_id
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Role, StaffRole, Store, User
from notifications.models import Nudge
from notifications.nudges import aggregating
from referrals.operations import invites
from tests.callers import operator_of, signed_in
from tests.schema import committed

pytestmark = pytest.mark.long

SCHEMA = committed()
ADDRESSES = [
    (path, method, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
    if "{" in path
]


@pytest.fixture
def cafe_clients(program: Any, counter: Any, alice: Any) -> dict[str, Client]:
    """The café's till, its owner, its back end and one of its members, by door."""
    now = timezone.now()
    _, key = keys.make(merchant=program.merchant, store=counter, name="till", scopes=["store", "member_tokens"], at=now)
    user = User.objects.create_user("owner@cafe.example", "a long password")
    StaffRole.objects.create(user=user, merchant=program.merchant, role=Role.OWNER)
    _, token = keys.make_staff_token(user=user, name="tests", at=now)
    return {
        "store": Client(headers={"Authorization": f"Api-Key {key}"}),
        "admin": Client(headers={"Authorization": f"Bearer {token}"}),
        "operator": operator_of(program.merchant).client,
        "member": signed_in(program.merchant, alice.customer.user_id).client,
    }


def door_of(path: str, operation: dict[str, Any]) -> str:
    """Who may ask this; where operators and members both may, an operator, who sees more."""
    if "/api/v1/loyalty/" not in path:
        return "admin" if "/admin/" in path else "store"
    return "operator" if any("apiKey" in each for each in operation["security"]) else "member"


@pytest.fixture
def theirs(bookshop: Any, bookworm: Any) -> dict[str, dict[str, str]]:
    """Rows of the bookshop, by the noun an address begins with."""
    now = timezone.now()
    merchant = bookshop.merchant
    store = Store.objects.create(merchant=merchant, reference="shelf", name="Shelf")
    entry = points.earn(member=bookworm, store=store, amount=Decimal(9), order_reference="B-1", at=now)
    key, _ = keys.make(merchant=merchant, store=store, name="till", scopes=["store"], at=now)
    with runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=merchant) as run:
        pass
    tier = Tier.objects.create(program=bookshop, slug="gold", name="Gold", point_threshold=1000)
    reward = Reward.objects.create(program=bookshop, slug="novel", name="Novel", cost_points=500)
    points.award(member=bookworm, type="tier_bonus", points=50, key="k", at=now)
    redemption = redemptions.hold(member=bookworm, points=5, at=now)
    asked = checkout.Asked(client_id="i-1", kind="referral_share", created_at=now)
    sent = {"user_id": bookworm.customer.user_id, "order_id": "W-1", "at": now}
    [intent] = checkout.confirm(merchant=merchant, intents=[asked], **sent).intents.values()
    aggregating.aggregate(merchants=[merchant], at=now)
    nudge = Nudge.objects.get()
    return {
        "nudges": {"nudgeId": str(nudge.pk)},
        "redemptions": {"redemptionId": str(redemption.pk)},
        "next-actions": {"intentId": str(intent.pk)},
        "referrals": {"inviteId": str(invites.create(member=bookworm, at=now).pk)},
        "members": {"userId": str(bookworm.customer.user_id)},
        "cards": {"cardId": str(bookworm.pk), "cardNumber": bookworm.card_number},
        "transactions": {"entryId": str(entry.pk)},
        "programs": {"rowId": str(bookshop.pk)},
        "tiers": {"rowId": str(tier.pk)},
        "rewards": {"rowId": str(reward.pk)},
        "stores": {"rowId": str(store.pk)},
        "keys": {"rowId": str(key.pk)},
        "runs": {"runId": str(run.pk)},
    }


@pytest.mark.parametrize(
    ("path", "method", "operation"), ADDRESSES, ids=[f"{method} {path}" for path, method, _ in ADDRESSES]
)
def test_another_merchants_row_is_answered_as_none(cafe_clients, theirs, bookworm, path, method, operation):
    noun = path.split("/loyalty/")[1].split("/")[0]
    client = cafe_clients[door_of(path, operation)]

    def nothing() -> dict[str, str]:
        return {name: "9999999999999999" if name == "cardNumber" else str(new_id()) for name in theirs[noun]}

    # Whatever is read once, or written once a minute, has been.
    _ask(client, method, path, nothing(), operation)

    with CaptureQueriesContext(connection) as for_nothing:
        none = _ask(client, method, path, nothing(), operation)
    with CaptureQueriesContext(connection) as for_theirs:
        foreign = _ask(client, method, path, theirs[noun], operation)

    assert len(for_theirs) == len(for_nothing)
    assert none.status_code == foreign.status_code
    if noun == "members":
        # An id that is unknown here makes a member of its own, whoever else knows it.
        assert str(bookworm.pk) not in foreign.content.decode()
        return
    assert none.status_code == 404
    assert foreign.json() | {"requestId": ""} == none.json() | {"requestId": ""}


def _ask(client: Client, method: str, path: str, ids: dict[str, str], operation: dict[str, Any]) -> Any:
    """The operation with these ids, and the body of its own example."""
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = next((each["value"] for each in content.get("examples", {}).values()), {})
    if "merchant" in body:
        body = {name: value for name, value in body.items() if name != "merchant"}
    return client.generic(method.upper(), path, json.dumps(body) if method != "get" else "", "application/json")
