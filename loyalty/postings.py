"""What the ledger is asked to do, and what it answers: plain values, no database."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from loyalty.models import LIFETIME_TYPES, EntryType, LedgerEntry, Member
from loyalty.models.programs import MOST_POINTS
from loyalty_site.ids import new_id

# Far above any stamp card, far below what an integer holds after a lifetime of them.
MOST_STAMPS = 10**6


class Short(StrEnum):
    """What a posting does when there is too little: refuse the whole batch, take what is there, or skip itself."""

    REFUSE = "refuse"
    CLAMP = "clamp"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One movement of one member's value. Points, stamps and held are signed whole numbers.

    Without a `type` it is a hold (held > 0) or a release (held < 0): the redemption that asks for it tells the story,
    and no entry is written. With `gives_back` it returns what the entry `answers_id` took, lot by lot. With
    `needs_active` a deactivated card refuses it.
    """

    member: Member
    type: EntryType | None
    points: int = 0
    stamps: int = 0
    held: int = 0
    short: Short = Short.REFUSE
    key: str | None = None
    fingerprint: bytes | None = None
    moves_lifetime: bool | None = None
    is_activity: bool = False
    needs_active: bool = False
    expires_at: datetime | None = None
    answers_id: UUID | None = None
    gives_back: bool = False
    reopens_until: datetime | None = None
    store_id: UUID | None = None
    actor_id: UUID | None = None
    order_reference: str = ""
    run_id: UUID | None = None
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    id: UUID = field(default_factory=new_id)

    @property
    def lifetime_moves(self) -> bool:
        """Whether the member's lifetime points move along."""
        return self.type in LIFETIME_TYPES if self.moves_lifetime is None else self.moves_lifetime


@dataclass(slots=True)
class Posted:
    """What became of one posting.

    `created`: an entry was written now. `moved`: now, or, for a hold or release, without an entry. `entry` is the one
    written now or, on a retry, the first one; None for holds and for what was skipped. Balances are those after it.
    """

    posting: Posting
    entry: LedgerEntry | None
    created: bool
    moved: bool
    points_balance: int
    points_held: int
    stamp_count: int
    lifetime_points: int
    told: bool = False

    @property
    def points_available(self) -> int:
        return self.points_balance - self.points_held


def fingerprint(**request: Any) -> bytes:
    """16 bytes that stand for a request: the same values, in any order, give the same bytes."""
    return hashlib.blake2b(_request_text(request).encode(), digest_size=16).digest()


_request_text = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":")).encode


def check(posting: Posting) -> None:
    """Raise TypeError or ValueError for what no caller may ask."""
    for name in ("points", "stamps", "held"):
        if type(getattr(posting, name)) is not int:
            raise TypeError(f"{name} must be a whole number.")
    if abs(posting.points) > MOST_POINTS or abs(posting.held) > MOST_POINTS:
        raise ValueError(f"A posting moves at most {MOST_POINTS} points.")
    if abs(posting.stamps) > MOST_STAMPS:
        raise ValueError(f"A posting moves at most {MOST_STAMPS} stamps.")
    if posting.type is None and (posting.points or posting.stamps or posting.gives_back or posting.key is not None):
        raise ValueError("A posting without a type may hold or release and nothing else.")


def as_kept(value: Any) -> Any:
    """JSON with its names in the order in which PostgreSQL keeps them: shorter ones first, then by their bytes.

    So what is told of an entry when it is written is what is told of it ever after, to the byte.
    """
    if isinstance(value, dict):
        return {name: as_kept(value[name]) for name in sorted(value, key=_place)}
    if isinstance(value, list):
        return [as_kept(each) for each in value]
    return value


def _place(name: str) -> tuple[int, bytes]:
    text = name.encode()
    return len(text), text
