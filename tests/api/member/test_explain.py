"""Why an entry is what it is."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.models import ExpiryPolicy, Tier
from loyalty.operations import points, redemptions, refunds, restores, stamps
from loyalty.operations.expiration import expire
from loyalty_site.ids import new_id
from tests.callers import operator_of, signed_in
from tests.tills import problem


@pytest.fixture
def buys(act, counter, ana):
    """Ana buys: buys("4.50"), buys("4.50", order="W-2")."""

    def purchase(amount, order="W-1"):
        entry = act(points.earn, store=counter, amount=Decimal(amount), order_reference=order)
        ana.refresh_from_db()
        return entry

    return purchase


@pytest.fixture
def rules(program, ana):
    """Change the café's rules: rules(max_points_per_order=10)."""

    def change(**given):
        for name, value in given.items():
            setattr(program, name, value)
        program.save()
        ana.program.refresh_from_db()

    return change


def why(client, **query):
    response = client.get("explain", **query)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_purchase_is_explained_by_rule_rate_multiplier_and_cap(me, buys, rules, program, ana):
    rules(max_points_per_order=100)
    ana.tier = Tier.objects.create(
        program=program, slug="gold", name="Gold", point_threshold=10, multiplier=Decimal("1.5")
    )
    ana.save()
    entry = buys("10.00")

    told = why(me, orderReference="W-1")

    assert told["entry"]["id"] == str(entry.pk)
    assert told["rule"] == "amount x rate x multiplier"
    assert told["calculation"] == {
        "amount": "10.00",
        "currency": "EUR",
        "rate": "10",
        "multiplier": "1.5",
        "tier": "gold",
        "minimumPurchase": None,
        "cap": {"of": "order", "left": 100, "before": 150},
    }
    assert (told["orderReference"], told["kept"], told["nothingFor"]) == ("W-1", 100, None)
    assert why(me, entryId=str(entry.pk)) == told


@pytest.mark.parametrize(
    ("amount", "given", "code"),
    [
        ("0.01", {}, "less_than_a_point"),
        ("4.50", {"minimum_purchase": Decimal(5)}, "below_minimum"),
        ("4.50", {"max_points_per_day": 0}, "cap_reached"),
    ],
)
def test_an_order_that_earned_nothing_says_why(me, buys, rules, amount, given, code):
    rules(**given)
    buys(amount)

    told = why(me, orderReference="W-1")

    assert (told["entry"]["amount"], told["nothingFor"]["code"], told["kept"]) == (0, code, 0)
    assert told["nothingFor"]["detail"].endswith(".")


def test_refund_void_and_what_the_order_keeps(me, buys, act, counter):
    buys("10.00")
    second = buys("4.00", "W-2")
    act(refunds.refund, store=counter, amount=Decimal(3), refund_reference="B-1", order_reference="W-1")
    refunds.void(store=counter, entry_id=second.pk, reason="twice", at=timezone.now())

    first, voided = why(me, orderReference="W-1"), why(me, orderReference="W-2")

    [refund], [void] = first["answeredBy"], voided["answeredBy"]
    assert (refund["entryType"], refund["amount"], first["kept"]) == ("refund", -30, 70)
    assert (void["entryType"], void["kind"], void["amount"], voided["kept"]) == ("undo", "void", -40, 0)
    assert why(me, entryId=refund["entryId"])["answers"]["entryId"] == first["entry"]["id"]


def test_lots_made_taken_and_held(me, buys, act, rules, ana):
    rules(expiry_policy=ExpiryPolicy.LOTS, points_valid_days=90)
    first, second = buys("10.00"), buys("10.00", "W-2")
    spent = act(redemptions.hold, points=120, key="R-1")
    redemptions.fulfil(redemption=spent, at=timezone.now())
    ana.refresh_from_db()
    act(redemptions.hold, points=30, key="R-2")

    used, left = why(me, entryId=str(first.pk)), why(me, entryId=str(second.pk))

    assert (used["lot"]["remainingPoints"], used["lot"]["lotStatus"]) == (0, "consumed")
    assert (left["lot"]["remainingPoints"], left["lot"]["heldPoints"], left["lot"]["points"]) == (80, 30, 100)
    [user] = used["usedBy"]
    taken = why(me, entryId=user["entryId"])
    assert [(each["lotId"], each["points"]) for each in taken["takenFrom"]] == [
        (str(first.pk), 100),
        (str(second.pk), 20),
    ]
    assert (taken["hold"]["id"], taken["hold"]["status"], taken["takenUndated"]) == (str(spent.pk), "fulfilled", 0)


def test_an_expiry_and_the_restore_that_answers_it(me, buys, rules, ana, act):
    buys("10.00")
    rules(expiry_policy=ExpiryPolicy.INACTIVITY, points_expiration_days=30)
    at = timezone.now() + timedelta(days=31)
    expire(programs=[ana.program], at=at, run_id=new_id())
    expiry = ana.entries.get(type="points_expired")
    restores.restore(member=ana, points=40, reason="was ill", actor=None, key="k", at=at, entry=expiry)

    told = why(me, entryId=str(expiry.pk))

    assert why(me, orderReference="W-1")["expiredBy"]["entryId"] == str(expiry.pk)
    assert told["rule"] == "inactivity"
    assert (told["entry"]["amount"], told["takenUndated"]) == (-100, 100)
    [restore] = told["answeredBy"]
    assert (restore["kind"], restore["amount"], restore["description"]) == ("restore", 40, "was ill")


def test_a_refund_says_what_was_not_there(me, buys, act, counter):
    buys("10.00")
    act(points.adjust, points=-80, reason="a slip", actor=None, key="k")
    refund = act(refunds.refund, store=counter, amount=Decimal(10), refund_reference="B-1", order_reference="W-1")

    told = why(me, entryId=str(refund.pk))

    assert (told["requested"], told["shortfall"], told["entry"]["amount"]) == (100, 80, -20)


def test_an_order_that_was_only_stamped_is_explained_by_its_stamps(me, act, counter):
    act(stamps.add, store=counter, order_reference="W-9")

    assert why(me, orderReference="W-9")["entry"]["entryType"] == "stamp_earned"


def test_operators_ask_about_any_member_and_members_about_themselves(me, operator, buys, cafe, alice, bookworm):
    entry = buys("4.50")

    assert why(operator, orderReference="W-1")["entry"]["id"] == str(entry.pk)
    strangers = [
        signed_in(cafe, alice.customer.user_id),
        signed_in(cafe, new_id()),
        signed_in(bookworm.merchant, bookworm.customer.user_id),
        operator_of(bookworm.merchant),
    ]
    for stranger in strangers:
        problem(stranger.get("explain", entryId=str(entry.pk)), 404, "not_found")
        problem(stranger.get("explain", orderReference="W-1"), 404, "not_found")


@pytest.mark.parametrize(
    "query", [{}, {"entryId": "x"}, {"orderReference": ""}, {"entryId": str(new_id()), "orderReference": "x"}]
)
def test_one_thing_is_asked_about(me, query):
    assert me.get("explain", **query).status_code == 400


def test_it_is_three_queries(me, buys):
    buys("4.50")

    with CaptureQueriesContext(connection) as queries:
        why(me, orderReference="W-1")

    assert len(queries) == 3


@pytest.mark.parametrize("told", [{"a": 1}, ["a"], "below_minimum", 7])
def test_what_a_back_office_notes_is_no_reason(me, operator, buys, ana, told):
    buys("4.50")
    asked = operator.post(f"members/{ana.customer.user_id}/redemptions", {"pointsCost": 5}).json()
    operator.post(f"redemptions/{asked['id']}/fulfill", {"metadata": {"nothing_for": told, "kind": told}})
    entry = ana.entries.get(type="redeem")

    assert why(me, entryId=str(entry.pk))["nothingFor"] is None
