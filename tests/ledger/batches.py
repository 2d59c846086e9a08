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
KEYS = st.sampled_from([None, "k1", "k2"])
FINGERPRINTS = st.sampled_from([b"\1" * 16] * 5 + [b"\2" * 16, None])
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
SOMETIMES = st.sampled_from([False, False, False, True])
# What PostgreSQL keeps: no NUL, no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
RARELY = st.sampled_from([False] * 11 + [True])


# What was taken, of whom: what a posting may answer.
Taken = Sequence[tuple[UUID, UUID]]


def _common(draw: Any, member: Member) -> dict[str, Any]:
    key = draw(KEYS)
    return {
        "short": draw(SHORTS),
        "key": key and (key if draw(SOMETIMES) else f"{key}:{member.pk}"),
        "fingerprint": draw(FINGERPRINTS),
        "is_activity": draw(FLAGS),
        "needs_active": draw(FLAGS),
        "moves_lifetime": draw(st.none() | FLAGS),
        "occurred_at": draw(LATER),
    }


def _answerable(draw: Any, taken: Taken, member: Member) -> list[UUID]:
    """What was taken of this member; now and then, of anybody."""
    anybody = draw(RARELY)
    return [entry for of, entry in taken if anybody or of == member.pk]


def _credit(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    return _common(draw, member) | {"type": draw(CREDITS), "points": draw(POINTS), "expires_at": draw(LATER)}


def _debit(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    answers = _answerable(draw, taken, member) if draw(RARELY) else []
    return _common(draw, member) | {
        "type": draw(DEBITS),
        "points": -draw(POINTS),
        "answers_id": draw(st.sampled_from(answers)) if answers else None,
    }


def _hold(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    return {"type": None, "held": draw(POINTS), "short": draw(SHORTS), "is_activity": draw(FLAGS)}


def _release(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    return {"type": None, "held": -draw(st.integers(0, 3)), "short": draw(SHORTS)}


def _fulfil(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    points = draw(st.integers(0, 3))
    return _common(draw, member) | {"type": EntryType.REDEEM, "points": -points, "held": -points}


def _give_back(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    answers = _answerable(draw, taken, member)
    if not answers:
        return _credit(draw, taken, member)
    return _common(draw, member) | {
        "type": draw(st.sampled_from([EntryType.UNDO, EntryType.ADMIN_ADJUSTMENT])),
        "points": draw(st.integers(0, 30)),
        "gives_back": True,
        "answers_id": draw(st.sampled_from(answers)),
        "reopens_until": draw(LATER),
        "expires_at": draw(LATER),
    }


def _stamp(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    stamps = draw(st.integers(-4, 4))
    return _common(draw, member) | {
        "type": EntryType.STAMP_EARNED if stamps >= 0 else EntryType.STAMP_REDEEMED,
        "stamps": stamps,
    }


def _odd(draw: Any, taken: Taken, member: Member) -> dict[str, Any]:
    """What no operation asks for: everything at once, holds that clamp, now and then value without an entry."""
    return _common(draw, member) | {
        "type": draw(st.sampled_from([None, EntryType.REDEEM, EntryType.REFUND, EntryType.EARN])),
        "points": draw(st.integers(-12, 12)),
        "stamps": draw(st.integers(-2, 2)),
        "held": draw(st.integers(-3, 12)),
        "expires_at": draw(LATER),
    }


# Mostly what happens in a shop.
KINDS = (_credit, _credit, _debit, _debit, _debit, _hold, _release, _fulfil, _give_back, _give_back, _give_back, _stamp)


@st.composite
def postings(
    draw: Any, members: Sequence[Member], *, taken: Taken = (), distinct: bool = False, most: int = 8
) -> list[Posting]:
    """A batch for these members. It may answer the entries `taken`, and those that it makes itself.

    `distinct`: no member stands twice.
    """
    if distinct:
        order = draw(st.permutations(members))[: draw(st.integers(1, min(most, len(members))))]
    else:
        order = draw(st.lists(st.sampled_from(members), min_size=1, max_size=most))
    made: list[Posting] = []
    for member in order:
        kind = _odd if draw(RARELY) else draw(st.sampled_from(KINDS))
        own = [(posting.member.pk, posting.id) for posting in made if posting.points < 0]
        made.append(Posting(member=member, id=new_id(), **kind(draw, [*taken, *own], member)))
    return made


@st.composite
def plain_credits(draw: Any, members: Sequence[Member], *, stores: Sequence[UUID], taken: Taken = ()) -> Posting:
    """One credit that is mostly plain, with any of the facts that an entry keeps."""
    member = draw(st.sampled_from(members))
    facts = _credit(draw, taken, member)
    if draw(FLAGS):
        facts |= {"points": 0, "type": EntryType.STAMP_EARNED, "stamps": draw(st.integers(0, 4))}
    if not draw(RARELY):
        facts |= {"expires_at": None, "short": draw(st.sampled_from([Short.REFUSE, Short.SKIP]))}
    return Posting(
        member=member,
        id=new_id(),
        **facts,
        store_id=draw(st.none() | st.sampled_from(stores)),
        order_reference=draw(TEXTS),
        description=draw(TEXTS),
        metadata=draw(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | FLAGS | st.lists(TEXTS), max_size=3)),
        run_id=draw(st.none() | st.uuids()),
        answers_id=draw(st.none() | st.sampled_from([entry for _, entry in taken])) if taken else None,
    )
