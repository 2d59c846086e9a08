"""At most six queries a call besides BEGIN and COMMIT, whatever the call: every operation of the schema is counted.

The operations come from the committed schema, with the example of each as its body, so that a new one is counted
before anybody thinks of it: it fails here until its door and its rows are known below.
"""

import json
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from loyalty.models import Member, Program, Reward, Tier
from loyalty.operations import checkout, enrollment, expiration, points, redemptions, stamps
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.http import keys
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Customer, Role, StaffRole, Store, User
from notifications.models import Nudge
from notifications.nudges import aggregating
from referrals.models import ReferralSettings
from referrals.operations import invites
from tests.api.test_isolation import door_of
from tests.callers import operator_of, signed_in
from tests.cast import make_merchant
from tests.schema import committed

pytestmark = pytest.mark.long

MOST = 6
# The batch stands for up to a hundred calls.
MOST_OF = {"runBatch": 25}

SCHEMA = committed()
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}
CHANGES = [name for name, (method, _, _) in OPERATIONS.items() if method == "post"]

# What an example cannot know: references that were not used before, whole people, rows that nothing refers to.
FIELDS = {
    "earnPoints": {"orderReference": "W-2"},
    "addStamps": {"orderReference": "S-2"},
    "createProgram": {"isActive": False},
    "createTier": {"slug": "platinum", "pointThreshold": 9_000_000},
    "createReward": {"slug": "lungo"},
    "createKey": {"name": "Till 9"},
}
QUERIES = {
    "explain": "?orderReference=till-1/W-1001",
    "lookUpCard": "?externalRef=ana",
    "listTransactions": "?limit=100",
    "listCards": "?search=ana&limit=100",
}
SPARE = ("deleteProgram", "deleteTier", "deleteReward", "deleteStore", "deleteKey")


class World:
    """A café where every rule there is applies, its till, its owner, and a member of whom something is stored."""

    def __init__(self, slug):
        self.program = make_merchant(slug, welcome_bonus=50, max_points_per_order=10_000, expiry_policy="lots")
        merchant, now = self.program.merchant, timezone.now()
        tiers = [("silver", 10), ("gold", 500_000), ("diamond", 5_000_000)]
        tiers = [Tier.objects.create(program=self.program, slug=s, name=s, point_threshold=p) for s, p in tiers]
        rewards = [
            Reward.objects.create(program=self.program, slug=slug, name=slug, cost_points=5) for slug in ("tea", "cake")
        ]
        stores = [Store.objects.create(merchant=merchant, reference=name, name=name) for name in ("counter", "spare")]
        self.owner = owner = User.objects.create_user(f"owner@{slug}.example", "a long password")
        StaffRole.objects.create(user=owner, merchant=merchant, role=Role.OWNER)
        self.clients = {
            "store": Client(headers={"Authorization": f"Api-Key {self._key(stores[0], 'till')[1]}"}),
            "admin": Client(
                headers={"Authorization": f"Bearer {keys.make_staff_token(user=owner, name='t', at=now)[1]}"}
            ),
        }
        self.clients["operator"] = operator_of(merchant).client
        person = Person(external_ref="ana", email="ana@cafe.example")
        self.member = enroll(program=self.program, person=person, at=now - timedelta(days=400)).member
        self.clients["member"] = signed_in(merchant, self.member.customer.user_id).client
        expiration.expire(programs=[self.program], at=now, run_id=runs.queue("x", trigger="command").pk)
        self.store = stores[0]
        expired = self.member.entries.get(type="points_expired")
        # More than is held, so that an order can be voided.
        self._earn("till-1/W-1000", now, Decimal(1))
        earned = self._earn("till-1/W-1001", now)
        stamped = stamps.add(member=self.fresh(), store=self.store, count=30, at=now)
        with runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=merchant) as run:
            pass
        said = self._invited(now)
        self.rows = {
            "cards": {"cardId": self.member.pk, "cardNumber": self.member.card_number},
            "transactions": {"entryId": earned.pk},
            "programs": {"rowId": self.program.pk},
            "tiers": {"rowId": tiers[-1].pk},
            "rewards": {"rowId": rewards[0].pk},
            "stores": {"rowId": stores[0].pk},
            "keys": {"rowId": self._key(stores[0], "other")[0].pk},
            "runs": {"runId": run.pk},
            "members": {"userId": self.member.customer.user_id},
            **self._waiting(now),
            **self._nudged(now),
        }
        spare = Program.objects.create(merchant=merchant, name="Old", currency="EUR", is_active=False)
        self.spare = {"programs": spare.pk, "tiers": tiers[-1].pk, "rewards": rewards[1].pk, "stores": stores[1].pk}
        # What stands in a body, by its name.
        self.values = {
            "merchant": merchant.slug,
            "programId": str(self.program.pk),
            "storeId": str(stores[0].pk),
            "cardNumber": self.member.card_number,
            "userId": str(self.member.customer.user_id),
            "rewardSlug": "tea",
            "entryId": str(stamped.pk),
            **said,
        }
        self.expired = str(expired.pk)

    def _waiting(self, now):
        """A redemption that is open, and an intent of a checkout."""
        held = redemptions.hold(member=self.fresh(), points=5, at=now)
        asked = checkout.Asked(client_id="i-1", kind="referral_share", created_at=now)
        sent = {"order_id": "O-1", "user_id": self.member.customer.user_id, "at": now}
        [intent] = checkout.confirm(merchant=self.program.merchant, intents=[asked], **sent).intents.values()
        invite = invites.create(member=self.fresh(), at=now)
        return {
            "redemptions": {"redemptionId": held.pk},
            "next-actions": {"intentId": intent.pk},
            "referrals": {"inviteId": invite.pk},
        }

    def _invited(self, now):
        """Somebody who came with a code of the member's, after it was made."""
        ReferralSettings.objects.create(
            program=self.program, merchant=self.program.merchant, cooldown_seconds=0, open_invites=99, invitee_points=5
        )
        invite = invites.create(member=self.fresh(), at=now)
        bob = enroll(program=self.program, person=Person(external_ref="bob", email="bob@x.example"), at=now).member
        return {"code": invite.code, "inviteeUserId": str(bob.customer.user_id)}

    def _nudged(self, now):
        """A nudge of the intent, and points of which the feed makes another one."""
        aggregating.aggregate(merchants=[self.program.merchant], at=now)
        soon = {"points": 7, "key": "soon", "expires_at": now + timedelta(days=3)}
        points.award(member=self.fresh(), type="tier_bonus", at=now, **soon)
        return {"nudges": {"nudgeId": Nudge.objects.get(merchant=self.program.merchant).pk}}

    def fresh(self):
        return Member.objects.select_related("program", "tier").get(pk=self.member.pk)

    def _earn(self, order, at, amount=Decimal("500.00")):
        return points.earn(member=self.fresh(), store=self.store, amount=amount, order_reference=order, at=at)

    def _key(self, store, name):
        now, scopes = timezone.now(), ["store", "member_tokens"]
        return keys.make(merchant=store.merchant, store=store, name=name, scopes=scopes, at=now)

    def address(self, name):
        method, path, _ = OPERATIONS[name]
        noun = path.split("/loyalty/")[1].split("/")[0]
        for field, value in self.rows.get(noun, {}).items():
            path = path.replace(f"{{{field}}}", str(self.spare.get(noun, value) if name in SPARE else value))
        assert "{" not in path, f"say in World.rows which row {path} is about"
        return method, path + QUERIES.get(name, "")

    def bodies(self, name):
        """Each example of the operation's request, about the rows there are."""
        content = OPERATIONS[name][2].get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = [example["value"] for example in content.get("examples", {}).values()] or [{}]
        return [self._told(example) | FIELDS.get(name, {}) for example in examples]

    def _told(self, example):
        told = {field: self.values.get(field, value) for field, value in example.items()}
        if "entryId" in told and "points" in told:
            told |= {"entryId": self.expired, "points": 5}
        if "operations" in told:
            told["operations"] = [self._told(each) for each in told["operations"]]
        return told

    def call(self, name, body, **headers):
        method, path = self.address(name)
        door = door_of(path, OPERATIONS[name][2])
        assert door in self.clients, f"give World a client for the door {door}"
        text = "" if method == "get" else json.dumps(body)
        return self.clients[door].generic(method.upper(), path, text, "application/json", headers=headers)


_numbers = count(1)


@pytest.fixture
def world(modules_database):
    """A café of the test's own: what others left in the database is another merchant's."""
    return World(f"cafe-{next(_numbers)}")


@contextmanager
def statements():
    """What is sent to the database; BEGIN and COMMIT do not pass here, savepoints do."""
    sent = []

    def note(execute, sql, params, many, context):
        sent.append(" ".join(str(sql).split())[:150])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield sent


def counted(world, name, body, **headers):
    """Make the call and hold it to its number."""
    with statements() as sent:
        response = world.call(name, body, **headers)
    assert response.status_code < 300, response.content
    assert len(sent) <= MOST_OF.get(name, MOST), "\n".join([name, *sent])
    return response


LIMITS = {
    "max_points_per_day": 9_000,
    "stamps_per_day": 99,
    "minutes_between_stamps": 0,
    "tier_basis": "rolling",
    "expiry_policy": "both",
}


@pytest.mark.parametrize("limits", [{}, LIMITS], ids=["plain", "limits"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_at_most_six_queries(world, name, limits):
    Program.objects.filter(pk=world.program.pk).update(**limits)

    for number, body in enumerate(world.bodies(name)):
        counted(world, name, body, **({"Idempotency-Key": f"k-{number}"} if name in CHANGES else {}))


@pytest.mark.parametrize("name", CHANGES)
def test_without_a_key_it_is_no_more(world, name):
    for body in world.bodies(name):
        counted(world, name, body)


@pytest.mark.parametrize("name", CHANGES)
def test_the_repeat_with_a_key_is_two(world, name):
    [body, *_] = world.bodies(name)
    # Asked for twice before, so that whatever is written once a minute has been.
    world.call(name, body, **{"Idempotency-Key": "k"})

    with statements() as sent:
        again = world.call(name, body, **{"Idempotency-Key": "k"})

    if again.headers.get("Idempotent-Replayed"):
        assert len(sent) == 2, sent


@pytest.mark.parametrize("name", CHANGES)
def test_the_repeat_under_another_key_is_at_most_six(world, name):
    [body, *_] = world.bodies(name)
    first = world.call(name, body, **{"Idempotency-Key": "k"})
    natural = first.status_code == 201 and world.call(name, body).headers.get("Idempotent-Replayed")
    if natural:
        counted(world, name, body, **{"Idempotency-Key": "other"})


# --- Rare mixes -----------------------------------------------------------------------------------------------
KEY = {"Idempotency-Key": "k"}


def reached(world):
    return Member.objects.get(pk=world.member.pk).tier.slug


@pytest.mark.parametrize("limits", [{}, LIMITS | {"max_points_per_day": 10**7}], ids=["plain", "limits"])
def test_the_purchase_that_reaches_a_tier_is_no_more(world, limits):
    Program.objects.filter(pk=world.program.pk).update(**limits, max_points_per_order=None)

    counted(world, "earnPoints", {"amount": "100000.00", "orderReference": "W-9"}, **KEY)

    assert reached(world) == "gold"


def test_points_of_the_same_day_count_once_towards_a_rolling_tier(world):
    rules = {"tier_basis": "rolling", "max_points_per_day": 10**7, "max_points_per_order": None}
    Program.objects.filter(pk=world.program.pk).update(**rules)
    # 5,010 were earned today, so that 494,980 more are ten short of gold.
    counted(world, "earnPoints", {"amount": "49498.00", "orderReference": "W-9"}, **KEY)
    assert reached(world) == "silver"

    counted(world, "earnPoints", {"amount": "1.00", "orderReference": "W-10"})

    assert reached(world) == "gold"


def test_the_first_enrolment_of_a_bare_member_that_reaches_a_tier_is_no_more(world):
    bare = enrollment.member_for(
        program=world.program,
        customer=Customer.objects.create(merchant=world.program.merchant, external_ref="bare"),
        at=timezone.now(),
    )

    response = counted(world, "enrollCard", {"externalRef": "bare"}, **KEY)

    assert (response.status_code, response.json()["tier"]) == (201, "silver")
    assert Member.objects.get(pk=bare.pk).tier.slug == "silver"


def test_a_reward_redeemed_before_is_answered_in_no_more(world):
    body = {"rewardSlug": "tea", "orderReference": "R-9"}
    first = world.call("redeemPoints", body, **KEY).json()

    again = counted(world, "redeemPoints", body, **{"Idempotency-Key": "other"})

    assert again.json() == first


def test_a_list_asks_no_more_for_more_rows(world):
    with statements() as few:
        world.call("listCards", None)
    for number in range(20):
        enroll(program=world.program, person=Person(external_ref=f"ana-{number}"), at=timezone.now())

    with statements() as many:
        world.call("listCards", None)

    assert len(many) == len(few)


def test_a_session_of_the_console_is_no_more(world):
    browser = Client()
    browser.force_login(world.owner, backend="django.contrib.auth.backends.ModelBackend")
    world.clients["admin"] = browser

    for name in ("restorePoints", "adjustPoints", "replaceCardAsStaff", "listCards"):
        [body, *_] = world.bodies(name)
        counted(world, name, body, **({"Idempotency-Key": name} if name in CHANGES else {}))
