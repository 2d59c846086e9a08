"""Batches of postings as hypothesis makes them: small numbers, few keys, few dates, so that they collide."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from loyalty.ledger import Posting, Short
from loyalty.models import EntryType, Member
from loyalty_site.ids import new_id
from tests.cast import NOON

POINTS = st.integers(0, 12)
SHORTS = st.sampled_from(list(Short))
KEYS = st.sampled_from([None, None, "k1", "k2", "k3", "k4"])
FINGERPRINTS = st.sampled_from([None, b"\1" * 16, b"\2" * 16])
# Seconds apart, and on the same second.
DATES = st.sampled_from([NOON + timedelta(seconds=second) for second in (-1, 0, 0, 1, 5)])
LATER = st.none() | DATES
CREDITS = st.sampled_from(
    [
        EntryType.EARN,
        EntryType.WELCOME_BONUS,
        EntryType.TIER_BONUS,
        EntryType.REFERRAL_BONUS,
        EntryType.ADMIN_ADJUSTMENT,
    ]
)
DEBITS = st.sampled_from(
    [EntryType.REDEEM, EntryType.REFUND, EntryType.POINTS_EXPIRED, EntryType.UNDO, EntryType.ADMIN_ADJUSTMENT]
)
FLAGS = st.booleans()


def _common(draw: Any) -> dict[str, Any]:
    return {
        "short": draw(SHORTS),
        "key": draw(KEYS),
        "fingerprint": draw(FINGERPRINTS),
        "is_activity": draw(FLAGS),
        "needs_active": draw(st.sampled_from([False, False, True])),
        "moves_lifetime": draw(st.none() | FLAGS),
        "occurred_at": draw(LATER),
    }


def _credit(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    return _common(draw) | {"type": draw(CREDITS), "points": draw(POINTS), "expires_at": draw(LATER)}


def _debit(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    answers = draw(st.none() | st.sampled_from(answerable)) if answerable else None
    return _common(draw) | {"type": draw(DEBITS), "points": -draw(POINTS), "answers_id": answers}


def _hold(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    return {"type": None, "held": draw(POINTS), "short": draw(SHORTS), "is_activity": draw(FLAGS)}


def _release(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    return {"type": None, "held": -draw(st.integers(0, 4)), "short": draw(SHORTS)}


def _fulfil(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    points = draw(st.integers(0, 4))
    return _common(draw) | {"type": EntryType.REDEEM, "points": -points, "held": -points}


def _give_back(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    if not answerable:
        return _credit(draw, answerable)
    return _common(draw) | {
        "type": draw(st.sampled_from([EntryType.UNDO, EntryType.ADMIN_ADJUSTMENT])),
        "points": draw(POINTS),
        "gives_back": True,
        "answers_id": draw(st.sampled_from(answerable)),
        "reopens_until": draw(LATER),
        "expires_at": draw(LATER),
    }


def _stamp(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    stamps = draw(st.integers(-4, 4))
    return _common(draw) | {
        "type": EntryType.STAMP_EARNED if stamps >= 0 else EntryType.STAMP_REDEEMED,
        "stamps": stamps,
    }


def _odd(draw: Any, answerable: Sequence[UUID]) -> dict[str, Any]:
    """What no operation asks for: everything at once, holds that clamp, value without an entry."""
    return _common(draw) | {
        "type": draw(st.sampled_from([None, EntryType.REDEEM, EntryType.EARN])),
        "points": draw(st.integers(-12, 12)),
        "stamps": draw(st.integers(-2, 2)),
        "held": draw(st.integers(-6, 12)),
        "expires_at": draw(LATER),
    }


# Mostly what happens in a shop.
KINDS = (_credit, _credit, _debit, _debit, _hold, _release, _fulfil, _give_back, _give_back, _stamp, _odd)


@st.composite
def postings(
    draw: Any,
    members: Sequence[Member],
    *,
    taken: Sequence[UUID] = (),
    distinct: bool = False,
    most: int = 8,
) -> list[Posting]:
    """A batch for these members. It may answer the entries `taken`, and those that it makes itself.

    `distinct`: no member stands twice.
    """
    most = min(most, len(members)) if distinct else most
    if distinct:
        order = draw(st.permutations(members))[: draw(st.integers(1, most))]
    else:
        order = draw(st.lists(st.sampled_from(members), min_size=1, max_size=most))
    made: list[Posting] = []
    for member in order:
        kind = draw(st.sampled_from(KINDS))
        answerable = [*taken, *([] if distinct else [posting.id for posting in made])]
        made.append(Posting(member=member, id=new_id(), **kind(draw, answerable)))
    return made
