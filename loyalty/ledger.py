"""The one place where value moves.

`post` is one call of the database function `ledger_post_v1` (loyalty/sql/): it locks the members in id order, then
looks, then moves them and writes immutable entries. PostgreSQL refuses every other way (docs/decisions/ledger.md).
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from loyalty.models import LedgerEntry
from loyalty.postings import MOST_STAMPS, Posted, Posting, Short, as_kept, check, fingerprint
from loyalty_site import outbox
from loyalty_site.prepared import run
from loyalty_site.refusals import Refusal
from loyalty_site.rows import as_read
from loyalty_site.texts import refuse_what_cannot_be_kept

# What the rest of the house knows as the ledger's.
__all__ = [
    "MOST_STAMPS",
    "CardInactive",
    "InsufficientPoints",
    "InsufficientStamps",
    "KeyReused",
    "MoreThanWasTaken",
    "OrderAlreadyUsed",
    "Posted",
    "Posting",
    "Short",
    "entry_written",
    "fingerprint",
    "moment_text",
    "post",
    "post_once",
    "refusal_of",
]


class Through(Protocol):
    """Runs the ledger's statement: `run`, or what sends one of its own along before it."""

    def __call__(self, statement: str, parameters: Sequence[Any], *, last: bool) -> list[tuple[Any, ...]]:
        """Its rows; none where it was not run after all."""


# From this many postings on, a batch without a member twice goes through the set-based body.
SET_FROM = 16


class InsufficientPoints(Refusal):
    """Less is available than asked for; what is held is not available. `facts`: available, in points."""

    code = "insufficient_points"
    sentence = "There are not enough points."


class InsufficientStamps(Refusal):
    """The card has fewer stamps than asked for. `facts`: stamps, the count there is."""

    code = "insufficient_stamps"
    sentence = "There are not enough stamps."


class KeyReused(Refusal):
    """The key, or order reference, came before with another request."""

    code = "idempotency_key_reused"
    status = 422
    sentence = "This reference was used before for another request."


class OrderAlreadyUsed(Refusal):
    """The order reference belongs to another member of the merchant."""

    code = "order_already_used"
    sentence = "This order was booked for another member."


class MoreThanWasTaken(Refusal):
    """More is to be given back than the entry took, less what was given back before. `facts`: room, in points."""

    code = "more_than_was_taken"
    sentence = "This entry did not take that many points, or they were given back before."


class CardInactive(Refusal):
    """The card is deactivated: it neither earns nor spends."""

    code = "card_inactive"
    sentence = "This card is not active."


def post(
    postings: Sequence[Posting],
    *,
    at: datetime,
    body: str | None = None,
    news: Sequence[str | None] = (),
    last: bool = False,
    through: Through = run,
) -> list[Posted]:
    """Move value and record why, in one round trip. Return one `Posted` per posting, in order.

    A posting's key posts once per merchant: posting it again returns the first entry with `created=False` and moves
    nothing, so tills and jobs may retry freely. Each posting says what to do when short: refuse all, clamp to what is
    available, or skip itself. `at` is when it happens, for postings without an `occurred_at` of their own. `body`
    names the function body to use ("rows" or "set"); by itself it takes the set-based one for large batches in which
    no member stands twice. `news` has, for each posting, the kind of the event that tells of its entry, or None; the
    function writes it beside the entry (`told`), which costs no further round trip. `last` promises that nothing
    follows in this transaction, which may then commit in the same round trip. `through` runs the statement, perhaps
    behind one of the caller's that has a say in it: without its rows nothing was posted, and nothing is returned.

    Raises `InsufficientPoints`, `InsufficientStamps`, `MoreThanWasTaken`, `CardInactive` where a posting refuses,
    `KeyReused` if a key comes back with another request, `OrderAlreadyUsed` if it belongs to another member,
    `InvalidText` for texts that cannot be kept; then nothing is posted. Raises ValueError or TypeError for what no
    caller may ask: a time without a zone, points that are no whole number, points or a key in a posting without a
    type. Raises RuntimeError outside a transaction, and where the transaction posted before: its second
    batch would lock members out of order, so hand everything over at once.
    """
    if not postings:
        return []
    if not connection.in_atomic_block:
        raise RuntimeError("ledger.post needs a transaction: the caller's change and the value belong together.")
    if body is None:
        large = len(postings) >= SET_FROM and len({posting.member.pk for posting in postings}) == len(postings)
        body = "set" if large else "rows"
    # What is posted behind a statement of the caller's may turn out not to be.
    if through is run:
        post_once()
    try:
        rows = through(_POST[body], [moment_text(at), _encode(postings, news if body == "rows" else ())], last=last)
    except DatabaseError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
    if not rows:
        return []
    if through is not run:
        post_once()
    firsts = _firsts(rows) if any(row[1] == "replayed" for row in rows) else {}
    posted = [_posted(posting, row, firsts, at) for posting, row in zip(postings, rows, strict=True)]
    if news and body == "rows":
        for one, kind in zip(posted, news, strict=True):
            one.told = one.created and kind is not None
        if any(one.told for one in posted):
            outbox.announce()
    return posted


# The first entry of a posting that came before is read along, as JSON: a column more, and none of a table's that most
# postings need not look at.
_POST = {
    body: f"""
        SELECT p.*, CASE WHEN p.outcome = 'replayed' THEN (
            SELECT to_jsonb(e)::text FROM loyalty_ledger_entries e WHERE e.id = p.entry_id) END
          FROM {function}(%s::timestamptz, %s::jsonb) AS p"""
    for body, function in (("rows", "ledger_post_v1"), ("set", "ledger_post_set_v1"))
}


def _firsts(rows: list[tuple[Any, ...]]) -> dict[UUID, LedgerEntry]:
    """The first entries of postings that came before."""
    read_along = [_from_json(row[-1]) for row in rows if row[-1] is not None]
    firsts = {entry.pk: entry for entry in read_along}
    # What was committed while the statement waited for the member is newer than the statement's snapshot.
    newer = [row[2] for row in rows if row[1] == "replayed" and row[2] not in firsts]
    return firsts | (LedgerEntry.objects.in_bulk(newer) if newer else {})


def _from_json(text: str) -> LedgerEntry:
    facts = json.loads(text)
    for name in ("id", "merchant_id", "member_id", "store_id", "actor_id", "run_id", "answers_id"):
        facts[name] = UUID(facts[name]) if facts[name] is not None else None
    for name in ("occurred_at", "created_at"):
        facts[name] = datetime.fromisoformat(facts[name]).astimezone(UTC)
    if facts["fingerprint"] is not None:
        facts["fingerprint"] = bytes.fromhex(facts["fingerprint"][2:])
    return as_read(LedgerEntry, facts.items())


_postings_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _encode(postings: Sequence[Posting], news: Sequence[str | None]) -> str:
    shown = [_as_json(posting) for posting in postings]
    if news:
        backfill = outbox.is_backfill()
        for one, kind in zip(shown, news, strict=True):
            if kind is not None:
                one["news"], one["backfill"] = kind, backfill
    text = _postings_text(shown)
    # Rare in the encoded text, so that only then every text is looked at.
    if "\\u0000" in text or "\\ud" in text:
        for posting in postings:
            texts = (posting.key, posting.order_reference, posting.description, posting.metadata)
            refuse_what_cannot_be_kept(*texts)
    return text


def moment_text(moment: datetime) -> str:
    """A moment as the ledger's functions take it. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("The ledger's times have a zone.")
    # In UTC, so that the last hours of the year 9999 cannot become a year that nobody can read back.
    return moment.astimezone(UTC).isoformat()


def _as_json(posting: Posting) -> dict[str, Any]:
    check(posting)
    # Nothing here for what is empty: PostgreSQL reads an absent name as NULL, and short texts parse faster.
    shown: dict[str, Any] = {
        "id": str(posting.id),
        "member_id": str(posting.member.pk),
        "points": posting.points,
        "stamps": posting.stamps,
        "held": posting.held,
        "short": posting.short,
        "moves_lifetime": posting.lifetime_moves,
        "is_activity": posting.is_activity,
        "gives_back": posting.gives_back,
        "needs_active": posting.needs_active,
        "order_reference": posting.order_reference,
        "description": posting.description,
        "metadata": posting.metadata,
    }
    if posting.type is not None:
        shown["type"] = posting.type
    if posting.key is not None:
        shown["key"] = posting.key
    if posting.fingerprint is not None:
        shown["fingerprint"] = "\\x" + posting.fingerprint.hex()
    for name in ("expires_at", "reopens_until", "occurred_at"):
        if (moment := getattr(posting, name)) is not None:
            shown[name] = moment_text(moment)
    for name in ("answers_id", "store_id", "actor_id", "run_id"):
        if (reference := getattr(posting, name)) is not None:
            shown[name] = str(reference)
    return shown


def entry_written(posting: Posting, **columns: Any) -> LedgerEntry:
    """The entry that a posting wrote; `columns` are those the database decided."""
    columns |= {
        "id": posting.id,
        "merchant_id": posting.member.merchant_id,
        "member_id": posting.member.pk,
        "type": posting.type or "",
        "stamps_delta": posting.stamps,
        "store_id": posting.store_id,
        "actor_id": posting.actor_id,
        "order_reference": posting.order_reference,
        "run_id": posting.run_id,
        "answers_id": posting.answers_id,
        "key": posting.key,
        "fingerprint": posting.fingerprint,
        "description": posting.description,
        "metadata": as_kept(posting.metadata),
    }
    return as_read(LedgerEntry, columns.items())


def _posted(posting: Posting, row: tuple[Any, ...], firsts: dict[UUID, LedgerEntry], at: datetime) -> Posted:
    (
        _,
        outcome,
        entry_id,
        number,
        points,
        balance,
        held,
        _,
        stamp_count,
        lifetime_delta,
        lifetime,
        requested,
    ) = row[:12]
    entry = None
    if outcome == "created":
        entry = entry_written(
            posting,
            number=number,
            points_delta=points,
            points_balance_after=balance,
            stamps_balance_after=stamp_count,
            lifetime_delta=lifetime_delta,
            requested=requested,
            occurred_at=posting.occurred_at or at,
            created_at=row[12],
        )
    elif outcome == "replayed":
        entry = firsts[entry_id]
        entry.replayed = True
    return Posted(
        posting=posting,
        entry=entry,
        created=outcome == "created",
        moved=outcome in ("created", "moved"),
        points_balance=balance,
        points_held=held,
        stamp_count=stamp_count,
        lifetime_points=lifetime,
    )


def post_once() -> None:
    """Remember that this transaction posts. Raises RuntimeError if it did before."""
    # Django's own test case wraps a whole test, many operations, in one transaction.
    if any(each[1] is _posted_here for each in connection.run_on_commit) and not any(
        getattr(block, "_from_testcase", False) for block in connection.atomic_blocks
    ):
        raise RuntimeError("This transaction posted before; hand the ledger everything in one batch.")
    transaction.on_commit(_posted_here)


def _posted_here() -> None:
    """Stands in the list of what a transaction does after its commit, once it has posted."""


_REFUSALS: dict[str, type[Refusal]] = {
    "RG001": InsufficientPoints,
    "RG002": KeyReused,
    "RG003": OrderAlreadyUsed,
    "RG004": MoreThanWasTaken,
    "RG005": InsufficientStamps,
    "RG006": CardInactive,
}


def refusal_of(error: DatabaseError) -> Refusal | None:
    """The refusal a database error stands for, or None if it is a fault."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    diagnostic = getattr(cause, "diag", None)
    if diagnostic is None:
        return None
    if state in _REFUSALS:
        detail = json.loads(diagnostic.message_detail)
        return _REFUSALS[state](**{name: value for name, value in detail.items() if value is not None})
    if state == "23505" and diagnostic.constraint_name == "one_entry_a_key":
        # Another member's posting of the same key was committed while ours waited for it.
        return OrderAlreadyUsed()
    return None
