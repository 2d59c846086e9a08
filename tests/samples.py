"""Samples of a page of the documentation, held against what is answered."""

import json
import re
from pathlib import Path
from typing import Any

# Ids, times and drawn codes are of the day; everything else on the page is as it is answered.
_ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f-]{27}$")
_OF_THE_DAY = ("At", "From", "code", "Code", "Cursor", "Token", "cursor.ledger", "cursor.redemptions")
_OF_THE_DAY += ("cursor.referrals", "cursor.nudges", "cursor.guardrails")


def of(page: Path) -> list[Any]:
    """The page's JSON, in order."""
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)]


def alike(shown: Any, answered: Any, where: str = "answer") -> None:
    """Fail unless the sample has the names and values of the answer."""
    if isinstance(shown, dict):
        assert isinstance(answered, dict), where
        assert set(shown) == set(answered), where
        for name, value in shown.items():
            alike(value, answered[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert len(shown) == len(answered), where
        for number, value in enumerate(shown):
            alike(value, answered[number], f"{where}.{number}")
    elif where.endswith(_OF_THE_DAY) or (isinstance(shown, str) and _ID.match(shown)):
        assert type(shown) is type(answered), where
    else:
        assert shown == answered, where
