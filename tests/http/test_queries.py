"""One request is at most six queries besides BEGIN and COMMIT, with an Idempotency-Key too, and none per row."""

from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.models import Program, Reward, Tier
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.tills import Till

MOST = 6


@pytest.fixture
def busy(own_database):
    """A till of a program with every rule there is, and a member who has points and stamps."""
    program = make_merchant("cafe", welcome_bonus=50, max_points_per_order=10_000)
    Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=10)
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=1_000, multiplier=2)
    Reward.objects.create(program=program, slug="coffee", name="Coffee", cost_points=5)
    store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    till = Till(store, scopes=("store", "member_tokens"))
    member = enroll(program=program, person=Person(external_ref="ana"), at=timezone.now()).member
    card = f"cards/{member.card_number}"
    till.post(f"{card}/points", {"amount": "50.00", "orderReference": "W-0"})
    till.post(f"{card}/stamps", {"count": 30, "orderReference": "W-0"})
    return till, card


@contextmanager
def statements():
    """What is sent to the database; BEGIN and COMMIT do not pass here, savepoints do."""
    sent = []

    def note(execute, sql, params, many, context):
        sent.append(" ".join(sql.split())[:150])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield sent


def counted(till, path, body, key):
    with statements() as sent:
        response = till.get(path) if body is None else till.post(path, body, key=key)
    assert response.status_code < 300, response.content
    assert len(sent) <= MOST, "\n".join([path, *sent])
    return response


def calls(card, entry, stamp):
    return [
        ("cards", {"externalRef": "new", "email": "new@example.com"}),
        (f"{card}/points", {"amount": "4.50", "orderReference": "W-1"}),
        (f"{card}/points/preview", {"amount": "4.50"}),
        (f"{card}/points/redeem", {"points": 3, "orderReference": "R-1"}),
        (f"{card}/points/redeem", {"rewardSlug": "coffee", "orderReference": "R-2"}),
        (f"{card}/refunds", {"amount": "1.00", "refundReference": "B-1"}),
        (f"{card}/refunds", {"amount": "1.00", "refundReference": "B-2", "orderReference": "W-0"}),
        (f"{card}/stamps", {}),
        (f"{card}/stamps/redeem", {}),
        (f"{card}/stamps/void", {"entryId": stamp, "reason": "x"}),
        (f"transactions/{entry}/void", {"reason": "x"}),
        (f"{card}/deactivate", {}),
        (f"{card}/reactivate", {}),
        (card, None),
        ("cards?externalRef=ana", None),
        (f"{card}/transactions?limit=100", None),
        ("program", None),
        ("member-tokens", {"cardNumber": card.removeprefix("cards/")}),
        (f"{card}/replace", {"reason": "x"}),
    ]


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("limits", [{}, {"max_points_per_day": 9_000, "stamps_per_day": 99, "tier_basis": "rolling"}])
def test_a_call_is_at_most_six_queries(busy, keyed, limits):
    till, card = busy
    Program.objects.update(**limits)
    entry = till.post(f"{card}/points", {"amount": "2", "orderReference": "V"}).json()["id"]
    stamp = till.post(f"{card}/stamps", {}).json()["id"]

    for number, (path, body) in enumerate(calls(card, entry, stamp)):
        counted(till, path, body, f"k-{number}" if keyed else None)


def test_the_purchase_that_reaches_a_tier_is_no_more(busy):
    till, card = busy

    response = counted(till, f"{card}/points", {"amount": "90.00", "orderReference": "W-1"}, "k")

    assert response.json()["points"] == 900
    assert till.get(card).json()["tier"] == "gold"


def test_the_repeat_with_a_key_is_two(busy):
    till, card = busy
    body = {"amount": "4.50", "orderReference": "W-1"}
    till.post(f"{card}/points", body, key="k")

    with statements() as sent:
        till.post(f"{card}/points", body, key="k")

    assert len(sent) == 2
