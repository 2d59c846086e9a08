"""What docs/api/members.md shows is what is answered."""

from decimal import Decimal
from typing import Any

import pytest

from loyalty.models import ExpiryPolicy, Reward, Tier
from loyalty.operations import points, redemptions, stamps
from tests import samples, server

PAGE = server.ROOT / "docs" / "api" / "members.md"


@pytest.fixture
def answers(operator: Any, me: Any, ana: Any, act: Any, counter: Any, program: Any) -> list[Any]:
    """A member between silver and gold, who bought, was stamped and asked for a coffee; the calls of the page."""
    for field, value in {"expiry_policy": ExpiryPolicy.LOTS, "points_valid_days": 365}.items():
        setattr(program, field, value)
    program.save()
    for slug, threshold, benefit in (("silver", 100, "Free refill"), ("gold", 500, "A birthday cake")):
        Tier.objects.create(
            program=program, slug=slug, name=slug.title(), point_threshold=threshold, benefits=[benefit]
        )
    coffee = Reward.objects.create(program=program, slug="coffee", name="Coffee", cost_points=50)
    ana.program.refresh_from_db()
    act(points.earn, store=counter, amount=Decimal("20.00"), order_reference="W-1001")
    act(stamps.add, store=counter, order_reference="W-1001")
    ana.refresh_from_db()
    act(redemptions.hold, points=coffee.cost_points, reward=coffee, key="R-1")
    preferences = {
        "kinds": {"marketingMessages": True},
        "language": "de",
        "quietHours": {"from": "21:00", "until": "08:00", "timeZone": "Europe/Luxembourg"},
    }
    return [
        operator.get(f"members/{ana.customer.user_id}"),
        me.get("tiers"),
        me.get("rewards"),
        me.get("ledger"),
        me.get("timeline", limit=2),
        me.get("explain", orderReference="W-1001"),
        preferences,
        me.put("preferences", preferences),
        me.post("erase"),
    ]


def test_the_page_shows_what_is_answered(answers: list[Any]) -> None:
    shown = samples.of(PAGE)

    assert len(shown) == len(answers)
    for sample, answer in zip(shown, answers, strict=True):
        samples.alike(sample, answer if isinstance(answer, dict) else answer.json())
