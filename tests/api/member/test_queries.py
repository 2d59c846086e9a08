"""A reading call of a member is at most six queries, by token and from the hub, and none for each row."""

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import ExpiryPolicy, Program, Reward, Tier, TierBasis
from loyalty.operations import points, redemptions
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Store
from tests.callers import LOYALTY, at_the_hub, operator_of, signed_in
from tests.cast import make_merchant
from tests.http.test_queries import MOST, statements

CALLS = ("tiers", "rewards", "members/{user}", "ledger", "ledger?types=earn", "timeline", "explain?orderReference=W-1",
         "preferences")  # fmt: skip


@pytest.fixture
def member(own_database):
    """A member of a program with every rule there is, with entries, lots, holds and redemptions."""
    program = make_merchant("cafe", expiry_policy=ExpiryPolicy.BOTH, tier_basis=TierBasis.ROLLING)
    for number in range(5):
        Tier.objects.create(program=program, slug=f"t{number}", name="T", point_threshold=10**number)
        Reward.objects.create(program=program, slug=f"r{number}", name="R", cost_points=5)
    store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    now = timezone.now()
    ana = enroll(program=program, person=Person(external_ref="ana"), at=now).member
    for number in range(10):
        points.earn(member=ana, store=store, amount=Decimal(9), order_reference=f"W-{number}", at=now)
        redemptions.hold(member=ana, points=3, at=now, key=f"R-{number}")
    return ana


@pytest.mark.parametrize("path", CALLS)
def test_a_call_is_at_most_six_queries(member, path):
    path = path.format(user=member.customer.user_id)
    callers: list[Client] = [
        signed_in(member.merchant, member.customer.user_id).client,
        at_the_hub(member),
    ]
    for client in callers:
        with statements() as sent:
            response = client.get(LOYALTY + path)
        assert response.status_code == 200, response.content
        assert len(sent) <= MOST, "\n".join(sent)


@pytest.mark.parametrize("path", [path for path in CALLS if not path.startswith(("explain", "members"))])
def test_the_first_sight_of_a_member_is_no_more(member, path):
    caller = signed_in(member.merchant, new_id())

    with statements() as sent:
        response = caller.get(path)

    assert response.status_code == 200
    assert len(sent) <= MOST, "\n".join(sent)


def test_an_operators_first_look_is_no_more(member):
    operator = operator_of(member.merchant)

    for user_id in (new_id(), member.customer.user_id):
        with statements() as sent:
            assert operator.get(f"members/{user_id}").status_code == 200
        assert len(sent) <= MOST, "\n".join(sent)
    assert Program.objects.count() == 1
