"""What docs/api/redemptions.md shows is what is answered."""

import json
import re

import pytest

from loyalty.models import Reward
from tests import server

PAGE = (server.ROOT / "docs" / "api" / "redemptions.md").read_text()
SAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
_ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f-]{27}$")


def _alike(shown, answered, where="answer"):
    """The same names and words; ids, times and codes of members are of the day."""
    if isinstance(shown, dict):
        assert set(shown) == set(answered), where
        for name, value in shown.items():
            _alike(value, answered[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert len(shown) == len(answered), where
        for number, value in enumerate(shown):
            _alike(value, answered[number], f"{where}.{number}")
    elif where.endswith(("At", "referralCode")) or (isinstance(shown, str) and _ID.match(shown)):
        assert type(shown) is type(answered), where
    elif where.endswith((".description", ".headline")):
        of_the_day = r"[A-Z][a-z]+ \d+, \d{4}|[A-Z0-9]{8}"
        assert re.sub(of_the_day, "", shown) == re.sub(of_the_day, "", answered), where
    else:
        assert shown == answered, where


@pytest.fixture
def rich(ana, earn, program):
    """Ana with 1,000 points, and an espresso for 120."""
    Reward.objects.create(program=program, slug="espresso", name="Espresso", cost_points=120, stock=9)
    earn("100.00")
    ana.customer.locale = "en"
    ana.customer.save()
    return ana


def test_the_page_shows_what_is_answered(operator, rich):
    ask, redemption, checkout, outcome = SAMPLES

    answers = [
        operator.post(f"members/{rich.customer.user_id}/redemptions", ask),
        operator.post("checkout/intents", checkout | {"userId": str(rich.customer.user_id)}),
    ]

    assert [each.status_code for each in answers] == [201, 200]
    _alike(redemption, answers[0].json())
    _alike(outcome, answers[1].json())
