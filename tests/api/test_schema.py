"""The schema is the contract: committed, complete, and kept by every answer."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from loyalty.models import Reward, Tier
from loyalty.operations import checkout, redemptions
from loyalty_site.http import keys, tokens, typescript
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Role, StaffRole, User
from referrals.operations import invites
from tests import server
from tests.api.test_isolation import door_of
from tests.schema import COMMITTED, committed

pytestmark = pytest.mark.long

TYPES = server.ROOT / "docs" / "types" / "loyalty.d.ts"
SCHEMA = committed()
OPERATIONS = [
    (path, method) for path, methods in SCHEMA["paths"].items() for method in methods if method != "parameters"
]
# All together; SCHEMA_EXAMPLES=2000 looks harder.
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "260"))

load_all_checks()
KEPT = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]


@pytest.fixture(scope="session")
def live_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema as the code makes it now; drf-spectacular may not warn of anything."""
    path = tmp_path_factory.mktemp("schema") / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    return path


def test_the_committed_schema_is_the_one_the_code_makes(live_schema):
    assert COMMITTED.read_text() == live_schema.read_text(), "run `make schema`"


def test_the_committed_types_are_those_of_the_schema():
    assert TYPES.read_text() == typescript.declarations(SCHEMA), "run `make schema`"


def test_every_operation_has_a_tag_a_summary_an_example_and_its_errors():
    for path, method in OPERATIONS:
        operation = SCHEMA["paths"][path][method]
        name = f"{method} {path}"
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in {tag["name"] for tag in SCHEMA["tags"]}, name
        assert operation["summary"], name
        assert operation["operationId"], name
        assert {"400", "401", "403", "404", "429"} <= set(operation["responses"]), name
        for status, answer in operation["responses"].items():
            for media_type, media in answer.get("content", {}).items():
                assert media.get("examples") or media.get("example"), f"{name} {status}"
                assert (media_type == "application/problem+json") == (status >= "400"), f"{name} {status}"
        if method == "post":
            assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}, name


def test_names_are_in_camel_case():
    def names(schema: Any, where: str) -> list[str]:
        if isinstance(schema, list):
            return [name for each in schema for name in names(each, where)]
        if not isinstance(schema, dict):
            return []
        own = [f"{where}.{name}" for name in schema.get("properties", {}) if "_" in name]
        return own + [
            name for key, each in schema.items() if key not in ("example", "examples") for name in names(each, key)
        ]

    assert names(SCHEMA["components"], "components") == []
    assert [path for path in SCHEMA["paths"] if "_" in path] == []


def test_the_schema_is_served(client):
    answer = client.get("/api/schema/", headers={"Accept": "application/json"})

    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")
    assert set(answer.json()["paths"]) == set(SCHEMA["paths"])


# --- Every operation, with whatever may come ----------------------------------------------------------------------
_contract = schemathesis.openapi.from_dict(SCHEMA)
_contract.app = get_wsgi_application()


@pytest.fixture
def in_process() -> Iterator[None]:
    """The application serves within the test's transaction, as Django's own test client has it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    with override_settings(RATE_LIMIT_STORE=10**9, RATE_LIMIT_MEMBER=10**9, ALLOWED_HOSTS=["*"]):
        yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def world(in_process: None, program: Any, counter: Any, alice: Any, buy: Any) -> dict[str, Any]:
    """A café with a row of each kind, and a credential for each door."""
    now = timezone.now()
    entry = buy(amount="400.00")
    tier = Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=10_000)
    reward = Reward.objects.create(program=program, slug="espresso", name="Espresso", cost_points=120)
    scopes = ["store", "member_tokens"]
    _, text = keys.make(merchant=program.merchant, store=counter, name="till", scopes=scopes, at=now)
    other, _ = keys.make(merchant=program.merchant, store=counter, name="till 2", scopes=scopes, at=now)
    _, operator = keys.make(merchant=program.merchant, store=None, name="back end", scopes=["operator"], at=now)
    member, _ = tokens.issue(merchant_id=program.merchant_id, user_id=alice.customer.user_id, at=now)
    user = User.objects.create_user("owner@cafe.example", "a long password")
    StaffRole.objects.create(user=user, merchant=program.merchant, role=Role.OWNER)
    _, token = keys.make_staff_token(user=user, name="schema", at=now)
    with runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=program.merchant) as run:
        pass
    redemption = redemptions.hold(member=alice, points=5, at=now)
    asked = checkout.Asked(client_id="i-1", kind="referral_share", created_at=now)
    sent = {"user_id": alice.customer.user_id, "order_id": "W-1", "at": now}
    [intent] = checkout.confirm(merchant=program.merchant, intents=[asked], **sent).intents.values()
    return {
        "redemptions": {"redemptionId": str(redemption.pk)},
        "next-actions": {"intentId": str(intent.pk)},
        "referrals": {"inviteId": str(invites.create(member=alice, at=now).pk)},
        "store": {"Authorization": f"Api-Key {text}"},
        "admin": {"Authorization": f"Bearer {token}"},
        "operator": {"Authorization": f"Api-Key {operator}"},
        "member": {"Authorization": f"Bearer {member}"},
        "members": {"userId": str(alice.customer.user_id)},
        "cards": {"cardId": str(alice.pk), "cardNumber": alice.card_number},
        "transactions": {"entryId": str(entry.pk)},
        "programs": {"rowId": str(program.pk)},
        "tiers": {"rowId": str(tier.pk)},
        "rewards": {"rowId": str(reward.pk)},
        "stores": {"rowId": str(counter.pk)},
        "keys": {"rowId": str(other.pk)},
        "runs": {"runId": str(run.pk)},
    }


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_an_operation_keeps_its_contract(world, path, method):
    operation = _contract[path][method.upper()]
    known = world.get(path.split("/loyalty/")[1].split("/")[0], {})
    asked = {each.name for each in operation.path_parameters}
    door = door_of(path, SCHEMA["paths"][path][method])
    doors = (
        [door, "member"] if any("memberToken" in each for each in SCHEMA["paths"][path][method]["security"]) else [door]
    )
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if method != "get" or asked else [])]

    @given(
        case=st.one_of(operation.as_strategy(generation_mode=mode) for mode in modes),
        is_known=st.integers(0, 3),
        door=st.sampled_from(doors),
    )
    @settings(
        max_examples=max(2, -(-EXAMPLES // len(OPERATIONS))),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case, is_known: int, door: str) -> None:
        # Of a row that is there, three times of four: otherwise nearly every answer would be 404.
        if is_known:
            here = {name: value for name, value in known.items() if name in asked}
            case.path_parameters = {**(case.path_parameters or {}), **here}
        answer = case.call(headers=world[door])
        case.validate_response(answer, checks=KEPT)

    holds()
