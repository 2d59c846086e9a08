"""What a till does all day, in one statement: one entry that gives points, stamps or neither.

`credit` is one call of the database function `ledger_credit_v2` (loyalty/sql/): the member moves, the entry and its
news are written, or nothing is done at all. It decides nothing that is not plain: for everything else there is
`ledger.post`, whose rules it shares (docs/decisions/ledger.md).
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db import IntegrityError

from loyalty import ledger
from loyalty.models import LedgerEntry
from loyalty.postings import Posted, Posting, Short, check
from loyalty_site import outbox
from loyalty_site.postgres.own import own_connection
from loyalty_site.prepared import run
from loyalty_site.texts import refuse_what_cannot_be_kept

_CREDIT = f"SELECT * FROM ledger_credit_v2({', '.join(['%s'] * 23)})"

_json_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def is_plain(posting: Posting) -> bool:
    """Whether the posting gives and takes nothing, makes no lot and is cut by nothing."""
    return (
        posting.type is not None
        and posting.points >= 0
        and posting.stamps >= 0
        and posting.held == 0
        and posting.short is not Short.CLAMP
        and not posting.gives_back
        and (posting.expires_at is None or posting.points == 0)
    )


class Keeper(Protocol):
    """Whoever tells of an entry, and keeps what it told in the very statement that writes the entry."""

    def blank(self, column: str) -> Any:
        """What stands in a draft for a number that the statement returns in this column."""

    def run(self, statement: str, parameters: Sequence[Any], draft: LedgerEntry) -> tuple[Any, ...] | None:
        """Run the statement and return its row; None where it did nothing, or was not run."""


def credit(
    posting: Posting,
    *,
    at: datetime,
    news: str | None = None,
    below: int | None = None,
    card: str | None = None,
    keeper: Keeper | None = None,
) -> Posted | None:
    """Write the entry of a plain posting and what `news` tells of it; None where nothing was done.

    Nothing is done where the member is inactive and that matters, where the key came before, and where the lifetime
    points would reach `below`: `ledger.post` says then what is to be said. Outside a transaction it is one of its own.
    Within one the member must have been locked before, so that no key is posted meanwhile. `card` is the number that
    the member, read without a lock, had: nothing is done for who has another one by now, nor for who was warned of a
    lower tier. A `keeper` keeps what it tells of the entry along with it, and may find that nothing is to be done.

    Raises `OrderAlreadyUsed` within a transaction where another member's posting of the key was committed meanwhile,
    `InvalidText` for texts that cannot be kept, ValueError or TypeError for what no caller may ask, RuntimeError where
    the transaction posted before.
    """
    check(posting)
    metadata = _json_text(posting.metadata)
    texts = f"{posting.key}{posting.order_reference}{posting.description}"
    if "\\u0000" in metadata or "\\ud" in metadata or not texts.isprintable():
        refuse_what_cannot_be_kept(posting.key, posting.order_reference, posting.description, posting.metadata)
    # What is not written here has a zone all the same: whether a posting is plain must not decide what is a mistake.
    for moment in (at, posting.expires_at, posting.reopens_until):
        if moment is not None and moment.tzinfo is None:
            raise ValueError("The ledger's times have a zone.")
    member, happened = posting.member, posting.occurred_at or at
    asked = [
        posting.id,
        member.merchant_id,
        member.pk,
        str(posting.type),
        posting.points,
        posting.stamps,
        posting.key,
        posting.fingerprint,
        posting.lifetime_moves,
        below,
        posting.is_activity,
        posting.needs_active,
        posting.store_id,
        posting.actor_id,
        posting.order_reference,
        posting.run_id,
        posting.answers_id,
        posting.description,
        metadata,
        ledger.moment_text(happened),
        news,
        outbox.is_backfill(),
        card,
    ]
    entry = ledger.entry_written(
        posting, points_delta=posting.points, lifetime_delta=0, requested=None, occurred_at=happened, created_at=at
    )
    try:
        row: tuple[Any, ...] | None
        if keeper is None:
            [row] = run(_CREDIT, asked)
        else:
            columns = ("number", "points_balance", "stamp_count")
            _fill(entry, *map(keeper.blank, columns))
            row = keeper.run(_CREDIT, asked, entry)
    except IntegrityError as error:
        refusal = ledger.refusal_of(error)
        if refusal is None:
            raise
        if own_connection().in_atomic_block:
            raise refusal from error
        return None
    if row is None or row[0] is None:
        return None
    number, balance, held, stamp_count, lifetime_delta, lifetime, written_at = row
    if own_connection().in_atomic_block:
        ledger.post_once()
    if news is not None:
        outbox.announce()
    _fill(entry, number, balance, stamp_count)
    entry.lifetime_delta, entry.created_at = lifetime_delta, written_at
    return Posted(
        posting=posting,
        entry=entry,
        created=True,
        moved=True,
        points_balance=balance,
        points_held=held,
        stamp_count=stamp_count,
        lifetime_points=lifetime,
        told=news is not None,
    )


def _fill(entry: LedgerEntry, number: int, balance: int, stamp_count: int) -> None:
    entry.number, entry.points_balance_after, entry.stamps_balance_after = number, balance, stamp_count
