"""Who may do what at the admin door: roles, other merchants, sessions, tokens."""

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty.models import Reward, Tier
from loyalty_site.http import keys
from loyalty_site.http.models import StaffToken
from loyalty_site.ids import new_id
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import StaffRole, Store
from tests.api.staff.conftest import DOOR, staff_of
from tests.cast import make_merchant

pytestmark = pytest.mark.long

EVERYONE = {"owner", "manager", "cashier", "analyst"}
SEERS = {"owner", "manager", "analyst"}
MANAGERS = {"owner", "manager"}
OWNERS = {"owner"}

# Every operation of the door, an id of which row it needs, a body, and who may.
OPERATIONS = [
    ("GET", "cards", None, EVERYONE),
    ("GET", "cards/{card}", None, EVERYONE),
    ("GET", "cards/{card}/transactions", None, EVERYONE),
    ("GET", "cards/{card}/export", None, MANAGERS),
    ("POST", "cards/{card}/restore-points", {"points": 5, "reason": "x"}, MANAGERS),
    ("POST", "cards/{card}/adjust-points", {"points": 5, "reason": "x"}, MANAGERS),
    ("POST", "cards/{card}/deactivate", {}, MANAGERS),
    ("POST", "cards/{card}/reactivate", {}, MANAGERS),
    ("POST", "cards/{card}/replace", {"reason": "x"}, MANAGERS),
    ("POST", "cards/{card}/anonymize", {}, MANAGERS),
    ("GET", "programs", None, EVERYONE),
    ("POST", "programs", {"merchant": "{merchant}", "name": "x", "currency": "EUR", "isActive": False}, MANAGERS),
    ("GET", "programs/{program}", None, EVERYONE),
    ("PATCH", "programs/{program}", {"name": "x"}, MANAGERS),
    ("DELETE", "programs/{program}", None, MANAGERS),
    ("GET", "tiers", None, EVERYONE),
    ("POST", "tiers", {"programId": "{program}", "slug": "x", "name": "x", "pointThreshold": 1}, MANAGERS),
    ("GET", "tiers/{tier}", None, EVERYONE),
    ("PATCH", "tiers/{tier}", {"name": "x"}, MANAGERS),
    ("DELETE", "tiers/{tier}", None, MANAGERS),
    ("GET", "rewards", None, EVERYONE),
    ("POST", "rewards", {"programId": "{program}", "slug": "x", "name": "x", "costPoints": 1}, MANAGERS),
    ("GET", "rewards/{reward}", None, EVERYONE),
    ("PATCH", "rewards/{reward}", {"name": "x"}, MANAGERS),
    ("DELETE", "rewards/{reward}", None, MANAGERS),
    ("GET", "stores", None, EVERYONE),
    ("POST", "stores", {"merchant": "{merchant}", "reference": "x", "name": "x"}, OWNERS),
    ("GET", "stores/{store}", None, EVERYONE),
    ("PATCH", "stores/{store}", {"name": "x"}, OWNERS),
    ("DELETE", "stores/{store}", None, OWNERS),
    ("GET", "keys", None, OWNERS),
    ("POST", "keys", {"merchant": "{merchant}", "name": "x", "scopes": ["operator"]}, OWNERS),
    ("GET", "keys/{key}", None, OWNERS),
    ("PATCH", "keys/{key}", {"name": "x"}, OWNERS),
    ("DELETE", "keys/{key}", None, OWNERS),
    ("POST", "keys/{key}/rotate", {}, OWNERS),
    ("POST", "keys/{key}/revoke", {}, OWNERS),
    ("POST", "expiry/preview", {"merchant": "{merchant}"}, SEERS),
    ("POST", "expiry/run", {"merchant": "{merchant}"}, MANAGERS),
    ("GET", "runs", None, SEERS),
    ("GET", "runs/{run}", None, SEERS),
    ("POST", "runs/{run}/undo", {}, MANAGERS),
    ("GET", "stats", None, SEERS),
    ("GET", "jobs", None, SEERS),
    ("GET", "reconciliation", None, SEERS),
]
NAMES = [f"{method} {path}" for method, path, _, _ in OPERATIONS]


def rows_of(program, member):
    """A row of each kind at the program's merchant, by the name it has in an address."""
    merchant = program.merchant
    store, _ = Store.objects.get_or_create(merchant=merchant, reference="counter", defaults={"name": "Counter"})
    key, _ = keys.make(merchant=merchant, store=None, name="k", scopes=["operator"], at=datetime.now(UTC))
    with runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=merchant) as run:
        pass
    return {
        "merchant": merchant.slug,
        "program": str(program.pk),
        "card": str(member.pk),
        "tier": str(Tier.objects.create(program=program, slug="t", name="T", point_threshold=9).pk),
        "reward": str(Reward.objects.create(program=program, slug="r", name="R", cost_points=9).pk),
        "store": str(store.pk),
        "key": str(key.pk),
        "run": str(run.pk),
    }


def send(staff, method, path, body, names):
    """The answer to the operation with these rows' ids in address and body."""
    text = json.dumps(body if body is not None else {})
    for name, value in names.items():
        path, text = path.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
    if method == "GET":
        return staff.client.get(DOOR + path)
    return staff.client.generic(method, DOOR + path, text, "application/json")


@pytest.mark.parametrize(("method", "path", "body", "allowed"), OPERATIONS, ids=NAMES)
def test_each_role_may_do_what_it_is_for(hire, program, alice, method, path, body, allowed):
    names = rows_of(program, alice)

    for role in sorted(EVERYONE - allowed):
        answer = send(hire(role), method, path, body, names)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role"), role
    answer = send(hire(min(allowed)), method, path, body, names)
    assert answer.status_code < 300 or answer.status_code == 409, answer.content


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [(method, path, body) for method, path, body, _ in OPERATIONS if "{" in path or "{" in json.dumps(body)],
)
def test_another_merchants_row_is_as_one_that_is_not_there(
    owner, program, alice, bookshop, bookworm, method, path, body
):
    foreign = rows_of(bookshop, bookworm)
    nothing = {name: str(new_id()) for name in foreign} | {"merchant": "nowhere"}
    send(owner, "GET", "cards", None, {})

    with CaptureQueriesContext(connection) as asked_for_theirs:
        theirs = send(owner, method, path, body, foreign)
    with CaptureQueriesContext(connection) as asked_for_nothing:
        none = send(owner, method, path, body, nothing)

    assert (theirs.status_code, none.status_code) == (404, 404)
    assert theirs.json() | {"requestId": ""} == none.json() | {"requestId": ""}
    assert len(asked_for_theirs) == len(asked_for_nothing)


@pytest.mark.parametrize(("method", "path", "body", "allowed"), OPERATIONS, ids=NAMES)
def test_nobody_comes_in_without_a_credential(client, method, path, body, allowed):
    path = path.replace("{", "").replace("}", "")
    for name in ("card", "program", "tier", "reward", "store", "key", "run"):
        path = path.replace(f"s/{name}", f"s/{new_id()}")

    answer = client.generic(method, DOOR + path, json.dumps(body or {}), "application/json")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="staff"')


def test_a_role_counts_at_its_own_merchant_alone(hire, bookshop, bookworm, alice):
    clerk = hire("cashier")
    StaffRole.objects.create(user=clerk.user, merchant=bookshop.merchant, role="manager")
    body = {"points": 5, "reason": "x"}

    assert clerk.post(f"cards/{bookworm.pk}/restore-points", body).status_code == 201
    assert clerk.post(f"cards/{alice.pk}/restore-points", body).json()["code"] == "wrong_role"


def test_a_list_holds_the_users_merchants_alone(owner, platform, alice, bookworm):
    assert [card["id"] for card in owner.get("cards").json()["cards"]] == [str(alice.pk)]
    assert owner.get("cards", merchant="bookshop").json()["cards"] == []
    assert len(platform.get("cards").json()["cards"]) == 2


def test_a_session_reads_and_needs_a_csrf_token_to_write(owner, alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    address = f"{DOOR}cards/{alice.pk}/deactivate"
    browser.get("/admin/")
    token = browser.cookies["csrftoken"].value if "csrftoken" in browser.cookies else "t" * 32
    browser.cookies["csrftoken"] = token

    without = browser.post(address, {}, content_type="application/json")
    with_one = browser.post(address, {}, content_type="application/json", headers={"X-CSRFToken": token})

    assert browser.get(f"{DOOR}cards").status_code == 200
    assert (without.status_code, without.json()["code"]) == (403, "csrf_failed")
    assert with_one.status_code == 200


@pytest.mark.parametrize("spoil", ["revoked", "expired", "left", "unknown"])
def test_a_token_opens_nothing_any_more(owner, spoil):
    if spoil == "revoked":
        keys.revoke_staff_token(token=StaffToken.objects.get(user=owner.user), at=datetime.now(UTC))
    elif spoil == "expired":
        StaffToken.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    elif spoil == "left":
        owner.user.is_active = False
        owner.user.save()
    else:
        owner.client = Client(headers={"Authorization": "Bearer rs_guess"})

    answer = owner.get("cards")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.counted
def test_a_staff_token_is_made_by_a_command(own_database, manage):
    staff_of(make_merchant("cafe").merchant, "owner")

    made = manage("staff_token", "make", "--user", "OWNER@cafe.example", "--name", "import", "--format", "json")
    report = json.loads(made.stdout)
    bearer = Client(headers={"Authorization": f"Bearer {report['token']}"})
    assert bearer.get(f"{DOOR}cards").status_code == 200
    assert report["token"].startswith(report["begins_with"])
    assert report["token"] not in manage("staff_token", "list", "--user", "owner@cafe.example").stdout
    assert manage("staff_token", "revoke", report["id"]).returncode == 0
    assert bearer.get(f"{DOOR}cards").status_code == 401
    assert manage("staff_token", "make", "--user", "nobody@cafe.example").returncode == 2
