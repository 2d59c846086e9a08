"""The ledger as one would keep it on paper: the rules of `ledger_post_v1`, posting by posting, without a database.

It reads `loyalty.ledger.Posting` and knows members by their id alone.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID


class Refused(Exception):
    """The batch is refused; `code` and `facts` are those of the `Refusal` to be raised."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)


class Faulty(Exception):
    """What no caller may ask: the ledger answers with an error that is no refusal."""


@dataclass
class Card:
    """A member."""

    merchant: UUID
    clock: datetime
    is_active: bool = True
    balance: int = 0
    held: int = 0
    lifetime: int = 0
    stamps: int = 0
    last_number: int = 0


@dataclass
class Lot:
    """Points with a date."""

    id: UUID
    member: UUID
    number: int
    points: int
    expires_at: datetime
    consumed: int = 0
    status: str = "scheduled"

    @property
    def remaining(self) -> int:
        return self.points - self.consumed


@dataclass(frozen=True)
class Entry:
    """A line of the books, as it is written."""

    id: UUID
    member: UUID
    number: int
    type: str
    points: int
    balance_after: int
    stamps: int
    stamps_after: int
    lifetime: int
    requested: int | None
    answers: UUID | None
    key: str | None
    fingerprint: bytes | None
    occurred_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of one posting: created, moved, replayed or skipped, and how the member stands then."""

    what: str
    entry: Entry | None
    balance: int
    held: int
    stamps: int
    lifetime: int


@dataclass
class Books:
    """All that is written down."""

    cards: dict[UUID, Card] = field(default_factory=dict)
    entries: dict[UUID, Entry] = field(default_factory=dict)
    lots: dict[UUID, Lot] = field(default_factory=dict)
    allocations: dict[tuple[UUID, UUID], int] = field(default_factory=dict)


def _moves_without_entry(posting: Any) -> bool:
    moves = posting.points or posting.stamps or posting.gives_back or posting.key is not None
    return posting.type is None and bool(moves)


class Model:
    """Books, and the rules by which they move."""

    def __init__(self, cards: dict[UUID, Card]) -> None:
        self.books = Books(cards=dict(cards))
        self.keys: dict[tuple[UUID, str], Entry] = {}

    def post(self, postings: Sequence[Any], *, at: datetime) -> list[Outcome]:
        """Move value as `ledger.post` does. Raises `Refused` or `Faulty`; then nothing has moved."""
        if any(_moves_without_entry(posting) for posting in postings):
            raise Faulty("moves value without an entry")
        before = copy.deepcopy((self.books, self.keys))
        outcomes: list[Outcome] = []
        try:
            for posting in postings:
                outcomes.append(self.apply(posting, at))
        except (Refused, Faulty) as no:
            self.books, self.keys = before
            if isinstance(no, Refused):
                no.facts["ord"] = len(outcomes) + 1
            raise
        return outcomes

    def apply(self, posting: Any, at: datetime) -> Outcome:
        """Move one posting. What it raises leaves the books as they are."""
        card = self.books.cards[posting.member.pk]
        first = self.keys.get((card.merchant, posting.key)) if posting.key is not None else None
        if first is not None:
            if first.member != posting.member.pk:
                raise Refused("order_already_used", key=posting.key)
            if first.fingerprint != posting.fingerprint:
                raise Refused("idempotency_key_reused", key=posting.key)
            return self._outcome("replayed", card, first)
        if posting.needs_active and not card.is_active:
            raise Refused("card_inactive")

        points = posting.points
        answered = None
        if posting.gives_back:
            answered = self.books.entries.get(posting.answers_id)
            if answered is None or answered.member != posting.member.pk:
                raise Faulty("answers nothing of this member")
            room = -answered.points - sum(answer.points for answer in self._answers(answered))
            if points > room and posting.short == "refuse":
                raise Refused("more_than_was_taken", room=room)
            points = min(points, room)
            if points <= 0:
                return self._outcome("skipped", card)

        missing = max(0, card.held + posting.held - card.balance - points)
        if posting.short == "clamp":
            spared = min(missing, max(0, -points))
            points, missing = points + spared, missing - spared
        if missing and posting.short != "skip":
            raise Refused("insufficient_points", available=card.balance - card.held)
        if card.stamps + posting.stamps < 0 and posting.short != "skip":
            raise Refused("insufficient_stamps", stamps=card.stamps)
        if missing or card.stamps + posting.stamps < 0:
            return self._outcome("skipped", card)
        if card.held + posting.held < 0:
            raise Faulty("releases more than is held")

        lifetime = self._lifetime(posting, card, points, answered)
        card.balance += points
        card.held += posting.held
        card.stamps += posting.stamps
        card.lifetime += lifetime
        if posting.is_activity:
            card.clock = max(card.clock, posting.occurred_at or at)
        if posting.type is None:
            return self._outcome("moved", card)
        entry = self._write(posting, card, points, lifetime, at)
        if points < 0:
            self._take_from_lots(entry)
        elif posting.gives_back:
            self._give_back_to_lots(entry, posting)
        elif points > 0 and posting.expires_at is not None:
            self.books.lots[entry.id] = Lot(entry.id, entry.member, entry.number, points, posting.expires_at)
        return self._outcome("created", card, entry)

    def _lifetime(self, posting: Any, card: Card, points: int, answered: Entry | None) -> int:
        moves = posting.moves_lifetime
        if moves is None:
            moves = posting.type in ("earn", "welcome_bonus", "referral_bonus", "tier_bonus")
        if not moves:
            return 0
        if answered is not None:
            lowered = -answered.lifetime - sum(answer.lifetime for answer in self._answers(answered))
            return max(0, min(points, lowered))
        return max(points, -card.lifetime)

    def _write(self, posting: Any, card: Card, points: int, lifetime: int, at: datetime) -> Entry:
        if posting.id in self.books.entries:
            raise Faulty("this id is taken")
        card.last_number += 1
        entry = Entry(
            id=posting.id,
            member=posting.member.pk,
            number=card.last_number,
            type=str(posting.type),
            points=points,
            balance_after=card.balance,
            stamps=posting.stamps,
            stamps_after=card.stamps,
            lifetime=lifetime,
            requested=abs(posting.points) if posting.short == "clamp" else None,
            answers=posting.answers_id,
            key=posting.key,
            fingerprint=posting.fingerprint,
            occurred_at=posting.occurred_at or at,
        )
        self.books.entries[entry.id] = entry
        if posting.key is not None:
            self.keys[card.merchant, posting.key] = entry
        return entry

    def _take_from_lots(self, entry: Entry) -> None:
        left = -entry.points
        for lot in self._in_spending_order(self.books.lots.values(), entry.member):
            taken = min(lot.remaining, left)
            if lot.status != "scheduled" or not taken:
                continue
            left -= taken
            lot.consumed += taken
            if not lot.remaining:
                ends = {"points_expired": "expired", "undo": "cancelled", "refund": "cancelled"}
                lot.status = ends.get(entry.type, "consumed")
            self.books.allocations[entry.id, lot.id] = taken

    def _give_back_to_lots(self, entry: Entry, posting: Any) -> None:
        answered = self.books.entries[posting.answers_id]
        story = {answered.id} | {answer.id for answer in self._answers(answered)}
        taken: dict[UUID, int] = {}
        for (by, lot_id), points in self.books.allocations.items():
            if by in story:
                taken[lot_id] = taken.get(lot_id, 0) + points
        left = entry.points
        for lot in self._in_spending_order([self.books.lots[lot_id] for lot_id in taken], entry.member):
            back = min(taken[lot.id], left)
            if back <= 0:
                continue
            left -= back
            lot.consumed -= back
            lot.status = "scheduled"
            if posting.reopens_until is not None:
                lot.expires_at = max(lot.expires_at, posting.reopens_until)
            self.books.allocations[entry.id, lot.id] = -back

    def _answers(self, answered: Entry) -> list[Entry]:
        return [
            entry
            for entry in self.books.entries.values()
            if entry.answers == answered.id and entry.member == answered.member
        ]

    @staticmethod
    def _in_spending_order(lots: Any, member: UUID) -> list[Lot]:
        return sorted((lot for lot in lots if lot.member == member), key=attrgetter("expires_at", "number"))

    @staticmethod
    def _outcome(what: str, card: Card, entry: Entry | None = None) -> Outcome:
        return Outcome(what, entry, card.balance, card.held, card.stamps, card.lifetime)
