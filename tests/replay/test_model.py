"""Small pasts full of ties and of instants at, just before and just after a run, against a model of the rules."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import ExpiryPolicy
from tests.replay.model import Model
from tests.replay.shop import row, rules, when

TIMES = st.builds(
    "{:02d} {}".format, st.integers(1, 7), st.sampled_from(["00:00:00", "01:59:59", "02:00:00", "02:00:01"])
)
ORDERS = st.lists(
    st.tuples(TIMES, st.booleans(), st.sampled_from(["ann", "bob"]), st.integers(0, 6)), min_size=1, max_size=14
)
_numbers = count()


@pytest.mark.parametrize("policy", [ExpiryPolicy.INACTIVITY, ExpiryPolicy.LOTS])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=ORDERS)
def test_every_small_past_comes_to_what_the_rules_say(shop, policy, orders):
    by = rules(policy)
    model = Model(days=2, by_lots=policy == ExpiryPolicy.LOTS)
    model.go_through(
        [
            (when(at), is_refund, f"{number:02}", customer, points)
            for number, (at, is_refund, customer, points) in enumerate(orders)
        ]
    )
    shop.slug = f"shop-{next(_numbers)}"

    found = shop.replay(
        *(
            row(f"{number:02}", customer, at, f"{points}.99", "refund" if is_refund else "sale")
            for number, (at, is_refund, customer, points) in enumerate(orders)
        ),
        by=by,
    )

    assert shop.balances() == model.balances()
    assert {
        "issued": found["points_issued"],
        "requested": found["refund_points_requested"],
        "taken": found["refund_points_taken_back"],
        "expired": found["points_expired"],
        "events": found["lots_expired" if policy == ExpiryPolicy.LOTS else "expiry_events"],
    } == model.figures
    assert found["points_outstanding"] == sum(model.balances().values())
