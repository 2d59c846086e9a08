"""The page of all events, made from their classes: `python -m tests.notifications.webhook_events` writes it."""

import inspect
import json
import os
import types
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from tests.server import ROOT

PAGE = ROOT / "docs" / "webhook-events.md"
_HEAD = """# Events

What [webhooks](webhooks.md) tell, with an example each. Points and stamps are whole numbers, money is decimal text,
times have an offset. A fact may be `null` where its example is not. `webhooks.test` is sent from the console alone.
"""
_ID = UUID("0195c5a0-6a3e-7cc1-9d0f-2f6f7f0f9f10")
_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# Where a made-up text would say nothing.
_TEXTS = {
    "policy": "lots",
    "card_number": "402188301175",
    "order_reference": "W-1001",
    "from_tier": "silver",
    "to_tier": "gold",
    "reward_slug": "tea",
    "reward_name": "Tea",
}
# The entry that an event tells of, where it is not called the same.
_TYPES = {
    "points_earned": "earn",
    "points_awarded": "tier_bonus",
    "points_refunded": "refund",
    "points_redeemed": "redeem",
    "points_adjusted": "admin_adjustment",
    "points_restored": "admin_adjustment",
    "welcome_bonus_credited": "welcome_bonus",
    "entry_undone": "undo",
    "stamps_redeemed": "stamp_redeemed",
}
_TAKING = {"points_refunded", "points_redeemed", "points_expired", "entry_undone", "stamps_redeemed", "stamp_voided"}


def page() -> str:
    """The page as the event classes have it."""
    from notifications.webhooks import payloads

    parts = [_HEAD]
    for kind, event in payloads.events().items():
        said = json.loads(payloads.body(kind, _facts(event)))
        about = _about(event)
        parts.append(f"## `{kind}`\n\n{about}\n\n```json\n{json.dumps(said, indent=2, ensure_ascii=False)}\n```\n")
    return "\n".join(parts)


def _about(event: Any) -> str:
    """The docstring of the class or of one it is made from; dataclasses make one of their own where there is none."""
    for each in event.__mro__:
        text = each.__dict__.get("__doc__") or ""
        if text and not text.startswith(f"{each.__name__}("):
            return inspect.cleandoc(text)
    return ""


def _facts(event: Any) -> dict[str, Any]:
    hints = get_type_hints(event)
    made = {field.name: _example(field.name, hints[field.name]) for field in fields(event)}
    name = event.kind.partition(".")[2]
    if "entry_id" in made and "type" in made:
        made["type"] = _TYPES.get(name, name)
        moves_stamps = name.startswith("stamp")
        sign = -1 if name in _TAKING else 1
        made |= {"points": 0 if moves_stamps else 45 * sign, "stamps": sign if moves_stamps else 0, "requested": None}
    if "status" in made:
        made["status"] = name.rpartition("_")[2]
    return made


def _example(name: str, hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if hint is UUID:
        return str(_ID)
    if hint is datetime:
        return _NOON.isoformat()
    if hint is date:
        return _NOON.date().isoformat()
    if hint is bool:
        return True
    if hint is int:
        return 45
    if get_origin(hint) is list:
        [inner] = get_args(hint)
        return ["TEA-4711"] if inner is str else []
    if hint is str:
        return _TEXTS.get(name, name)
    return {}


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    django.setup()
    PAGE.write_text(page())
