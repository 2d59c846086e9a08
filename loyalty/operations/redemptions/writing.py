"""Writing redemptions, and with them the units and codes they take or give back, in one statement each."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.events import RewardCodesLow, RewardSoldOut
from loyalty.models import CheckoutIntent, Redemption, Reward
from loyalty.operations.redemptions.refusals import RewardUnavailable
from loyalty_site import outbox
from loyalty_site.lateral import followed, row_of_second
from loyalty_site.outbox import Event
from loyalty_site.prepared import run
from loyalty_site.texts import refuse_what_cannot_be_kept

# A pool with fewer codes than this wants a new upload.
FEW_CODES = 10


@dataclass(frozen=True, slots=True)
class Written:
    """What a statement did: whose rows it wrote, what is left of stocks that it moved, and codes that it gave.

    `stock` is by reward; `codes` by redemption; `pools` by reward: codes there were before, counted to some more than
    were asked for.
    """

    ids: frozenset[UUID]
    stock: dict[UUID, int] = field(default_factory=dict)
    codes: dict[UUID, list[str]] = field(default_factory=dict)
    pools: dict[UUID, int] = field(default_factory=dict)

    def news(self, rewards: Iterable[Reward], *, merchant_id: UUID, at: datetime) -> list[Event]:
        """What whoever looks after these rewards should hear: the last unit is taken, the pool runs low."""
        told: list[Event] = []
        given = sum(len(codes) for codes in self.codes.values())
        for reward in {reward.pk: reward for reward in rewards}.values():
            if self.stock.get(reward.pk) == 0:
                told.append(RewardSoldOut.about(reward, merchant_id=merchant_id, at=at))
            before = self.pools.get(reward.pk)
            if before is not None and (left := before - given) < FEW_CODES and (before >= FEW_CODES or left == 0):
                told.append(RewardCodesLow.about(reward, merchant_id=merchant_id, at=at, codes_left=left))
        return told


# Units that the redemptions of {source} took off a stock (-) or give back (+). Their rewards are locked.
_STOCK = """,
units AS (
    SELECT s.reward_id, {sign}sum(s.units_taken)::integer AS units FROM {source} s
     WHERE s.units_taken > 0 GROUP BY s.reward_id),
stocked AS (
    UPDATE loyalty_rewards r SET stock = r.stock + units.units FROM units
     WHERE r.id = units.reward_id AND r.stock IS NOT NULL RETURNING r.id, r.stock)"""

# The intents of the closed redemptions wait no more.
_SETTLED = """,
settled AS (
    UPDATE loyalty_checkout_intents i
       SET status = CASE WHEN closed.status = 'fulfilled' THEN 'resolved' ELSE 'cancelled' END, resolved_at = %s
      FROM closed WHERE i.redemption_id = closed.id AND i.status = 'pending')"""

# A code for each unit of the fulfilled redemptions of {source}; codes that another transaction is giving are passed
# over, and so is never waited for.
_CODES = """,
wanted AS (
    SELECT s.id, s.reward_id, row_number() OVER (PARTITION BY s.reward_id ORDER BY s.id, unit) AS place
      FROM {source} s
      JOIN loyalty_rewards r ON r.id = s.reward_id AND r.kind = 'discount_code'
      CROSS JOIN LATERAL generate_series(1, s.quantity) AS unit
     WHERE s.status = 'fulfilled'),
asked AS (SELECT reward_id, count(*) AS codes FROM wanted GROUP BY reward_id),
free AS (
    SELECT picked.id, asked.reward_id, row_number() OVER (PARTITION BY asked.reward_id ORDER BY picked.id) AS place
      FROM asked CROSS JOIN LATERAL (
          SELECT c.id FROM loyalty_reward_codes c
           WHERE c.reward_id = asked.reward_id AND c.redemption_id IS NULL
           ORDER BY c.id LIMIT asked.codes FOR NO KEY UPDATE SKIP LOCKED) AS picked),
given AS (
    UPDATE loyalty_reward_codes c SET redemption_id = wanted.id, given_at = %s
      FROM free JOIN wanted USING (reward_id, place)
     WHERE c.id = free.id RETURNING c.id, c.redemption_id, c.code),
pools AS (
    SELECT asked.reward_id, (SELECT count(*) FROM (
        SELECT 1 FROM loyalty_reward_codes c WHERE c.reward_id = asked.reward_id AND c.redemption_id IS NULL
         LIMIT asked.codes + 20) AS pool) AS codes
      FROM asked)"""

_IDS = "(SELECT coalesce(array_agg(s.id), '{{}}') FROM {source} s) AS ids"
_STOCKED = "(SELECT coalesce(jsonb_object_agg(s.id, s.stock), '{}') FROM stocked s)::text AS stock"
_GIVEN = """(
           SELECT coalesce(jsonb_agg(jsonb_build_array(g.redemption_id, g.code) ORDER BY g.id), '[]')
             FROM given g)::text AS codes,
       (SELECT coalesce(jsonb_object_agg(p.reward_id, p.codes), '{}') FROM pools p)::text AS pools"""
_NO_STOCK, _NO_CODES = "'{}' AS stock", "'[]' AS codes, '{}' AS pools"


@dataclass(slots=True)
class _Statement:
    """A WITH clause that writes, its parameters, and the four columns that say what was written."""

    clause: str
    values: list[Any]
    columns: str = ""


def write_new(
    redemptions: Sequence[Redemption],
    *,
    at: datetime,
    intents: Sequence[CheckoutIntent] = (),
    news: Sequence[Event] = (),
) -> Written:
    """Insert those whose keys are new, take their units and, where they are fulfilled, give them their codes.

    `ids` of the answer names those inserted; the others were asked for before, and nothing of theirs moves. Also
    writes `intents`, and publishes `news` where any is inserted. Raises `RewardUnavailable` where the codes do not
    suffice. Their rewards and members are locked.
    """
    if not redemptions and not intents:
        return Written(frozenset())
    if not redemptions:
        _run(f"WITH {_intents(intents)[0]} SELECT 1", _intents(intents)[1])
        return Written(frozenset())
    statement = _insertion(redemptions, at=at, intents=intents, news=news)
    written = _written(statement, prepared=len(redemptions) == 1 and not intents)
    _note_new(redemptions, written, news)
    return written


class WithItsPosting:
    """Writes a new redemption in the statement that posts for it: hand it to `settle` as `through`.

    Nothing is posted where the key was known; `written` says so afterwards. Publishes `news` where it is inserted. Not
    for one that is given codes, which its entry is to name. A reward with a stock is locked: the stock itself may be
    moved after the member.
    """

    written = Written(frozenset())

    def __init__(self, redemption: Redemption, *, at: datetime, news: Sequence[Event]) -> None:
        self._redemption, self._at, self._news = redemption, at, news

    def __call__(self, statement: str, parameters: Sequence[Any], *, last: bool) -> list[tuple[Any, ...]]:
        """The rows of the ledger's statement; none where the redemption was there before."""
        writing = _insertion([self._redemption], at=self._at, intents=(), news=self._news)
        both = followed(f"(SELECT {writing.columns}) written", statement, "cardinality(written.ids) > 0")
        rows = run(f"{writing.clause} {both}", [*writing.values, *parameters], last=last)
        self.written = _read(rows[0][:4])
        _note_new([self._redemption], self.written, self._news)
        return [posted for row in rows if (posted := row_of_second(row[4:])) is not None]


def _insertion(
    redemptions: Sequence[Redemption], *, at: datetime, intents: Sequence[CheckoutIntent], news: Sequence[Event]
) -> _Statement:
    fields = Redemption._meta.concrete_fields
    values: list[Any] = [
        field_.get_db_prep_save(field_.pre_save(redemption, add=True), connection)
        for redemption in redemptions
        for field_ in fields
    ]
    row = f"({', '.join(['%s'] * len(fields))})"
    statement = _Statement(
        f"WITH made AS (INSERT INTO {Redemption._meta.db_table} ({', '.join(str(each.column) for each in fields)}) "
        f"VALUES {', '.join([row] * len(redemptions))} "
        "ON CONFLICT (merchant_id, key) WHERE key IS NOT NULL DO NOTHING "
        "RETURNING id, reward_id, quantity, units_taken, status)",
        values,
    )
    if news:
        text, more = outbox.insert_where(news, "EXISTS (SELECT 1 FROM made)")
        statement.clause += f", told AS ({text})"
        statement.values += more
    limited = any(redemption.units_taken for redemption in redemptions)
    return _whole(statement, "made", "-", gives=_give_codes(redemptions), limited=limited, at=at, intents=intents)


def _give_codes(redemptions: Sequence[Redemption]) -> bool:
    return any(
        redemption.status == Redemption.Status.FULFILLED
        and redemption.reward is not None
        and redemption.reward.gives_codes
        for redemption in redemptions
    )


def _note_new(redemptions: Sequence[Redemption], written: Written, news: Sequence[Event]) -> None:
    if news and written.ids:
        outbox.announce()
    for redemption in redemptions:
        if redemption.pk in written.ids:
            redemption._state.adding, redemption._state.db = False, "default"
            if _give_codes([redemption]):
                _check_codes(redemption, written)


@dataclass(frozen=True, slots=True)
class Closing:
    """How open redemptions are closed. `metadata` is merged into theirs."""

    status: Redemption.Status
    reason: str = ""
    entry_id: UUID | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


_AT_COLUMN = {
    Redemption.Status.FULFILLED: "fulfilled_at",
    Redemption.Status.FAILED: "failed_at",
    Redemption.Status.CANCELLED: "cancelled_at",
}


def write_closed(
    redemptions: Sequence[Redemption],
    closing: Closing,
    *,
    at: datetime,
    intents: Sequence[CheckoutIntent] = (),
) -> Written:
    """Close those of the redemptions that are still open, give back their units or, fulfilled, give them their codes.

    `ids` of the answer names them, and the objects say so too; the others stay as they are. Also writes `intents`.
    Raises `RewardUnavailable` where the codes do not suffice. Their rewards and members are locked.
    """
    refuse_what_cannot_be_kept(closing.metadata)
    fulfils = closing.status == Redemption.Status.FULFILLED
    statement = f"""WITH closed AS (
        UPDATE loyalty_redemptions d
           SET status = %s, {_AT_COLUMN[closing.status]} = %s, reason = %s, entry_id = %s::uuid,
               metadata = d.metadata || %s::jsonb
         WHERE d.id = ANY (%s::uuid[]) AND d.status = 'requested'
        RETURNING d.id, d.reward_id, d.quantity, d.units_taken, d.status)"""
    values: list[Any] = [
        str(closing.status), at, closing.reason, closing.entry_id, json.dumps(closing.metadata),
        [redemption.pk for redemption in redemptions],
    ]  # fmt: skip
    # What a checkout asked for is settled with its redemption; where the intent itself brings it, that is written.
    if not intents and any("checkout_intent_id" in each.metadata for each in redemptions):
        statement += _SETTLED
        values += [at]
    gives = fulfils and any(each.reward is not None and each.reward.gives_codes for each in redemptions)
    limited = not fulfils and any(each.units_taken for each in redemptions)
    whole = _whole(_Statement(statement, values), "closed", "+", gives=gives, limited=limited, at=at, intents=intents)
    written = _written(whole, prepared=len(redemptions) == 1 and not intents)
    for redemption in redemptions:
        if redemption.pk in written.ids:
            redemption.status, redemption.reason, redemption.entry_id = closing.status, closing.reason, closing.entry_id
            setattr(redemption, _AT_COLUMN[closing.status], at)
            redemption.metadata = {**redemption.metadata, **closing.metadata}
            if gives:
                _check_codes(redemption, written)
    return written


def _whole(
    statement: _Statement,
    source: str,
    sign: str,
    *,
    gives: bool,
    limited: bool,
    at: datetime,
    intents: Sequence[CheckoutIntent],
) -> _Statement:
    # PostgreSQL plans only what is asked for: most rewards have neither a stock nor codes.
    if limited:
        statement.clause += _STOCK.format(source=source, sign=sign)
    if gives:
        statement.clause += _CODES.format(source=source)
        statement.values.append(at)
    if intents:
        text, more = _intents(intents)
        statement.clause += f", {text}"
        statement.values += more
    said = [_IDS.format(source=source), _STOCKED if limited else _NO_STOCK, _GIVEN if gives else _NO_CODES]
    statement.columns = ", ".join(said)
    return statement


def _written(statement: _Statement, *, prepared: bool) -> Written:
    # The texts of one redemption are few, and so prepared once a connection; those of many are as many as there are
    # rows, and a row of several leaves the types of its parameters open.
    return _read(_run(f"{statement.clause} SELECT {statement.columns}", statement.values, prepared=prepared))


def _read(row: Sequence[Any]) -> Written:
    ids, *rest = row
    stock, codes, pools = map(json.loads, rest)
    given: dict[UUID, list[str]] = {}
    for redemption_id, code in codes:
        given.setdefault(UUID(redemption_id), []).append(code)
    return Written(
        frozenset(ids),
        {UUID(pk): left for pk, left in stock.items()},
        given,
        {UUID(pk): before for pk, before in pools.items()},
    )


def _intents(intents: Sequence[CheckoutIntent]) -> tuple[str, list[Any]]:
    """The part of a statement that writes these intents as they are now, new or known."""
    fields = CheckoutIntent._meta.concrete_fields
    columns = [str(each.column) for each in fields]
    # A text for each, cast by its column: whatever else is in a row of VALUES, NULL has its type.
    row = "(" + ", ".join(f"%s::{each.db_type(connection)}" for each in fields) + ")"
    changed = ", ".join(
        f"{name} = excluded.{name}" for name in ("status", "redemption_id", "metadata", "resolved_at", "expires_at")
    )
    values = [
        each.get_db_prep_save(each.pre_save(intent, add=True), connection) for intent in intents for each in fields
    ]
    text = (
        f"kept AS (INSERT INTO {CheckoutIntent._meta.db_table} ({', '.join(columns)}) "
        f"VALUES {', '.join([row] * len(intents))} "
        f"ON CONFLICT (member_id, client_id) DO UPDATE SET {changed} RETURNING id)"
    )
    return text, values


def _run(statement: str, values: list[Any], *, prepared: bool = False) -> Any:
    if prepared:
        return run(statement, values)[0]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def _check_codes(redemption: Redemption, written: Written) -> None:
    reward = redemption.reward
    if reward is not None and reward.gives_codes and len(written.codes.get(redemption.pk, [])) < redemption.quantity:
        raise RewardUnavailable("There are no codes left for this reward.", why="codes")
