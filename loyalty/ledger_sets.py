"""Posting what a query makes: mass runs, without a row passing through Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection

from loyalty import ledger
from loyalty_site import outbox
from loyalty_site.ids import NEW_IDS_SQL
from loyalty_site.prepared import run

if TYPE_CHECKING:
    from loyalty.events import EntryEvent


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the postings of a query: how many entries there are now, their points, signed, and the `tally`."""

    entries: int
    points: int
    tally: int


# The fields of the type ledger_posting_v1, in its order, each with what a query that leaves it out means.
_FIELDS = {
    "id": NEW_IDS_SQL,
    "member_id": None,
    "type": None,
    "points": None,
    "stamps": "0",
    "held": "0",
    "short": f"'{ledger.Short.REFUSE}'",
    "key": "NULL",
    "fingerprint": "NULL",
    "moves_lifetime": "false",
    "is_activity": "false",
    "expires_at": "NULL",
    "answers_id": "NULL",
    "gives_back": "false",
    "needs_active": "false",
    "reopens_until": "NULL",
    "store_id": "NULL",
    "actor_id": "NULL",
    "order_reference": "''",
    "run_id": "NULL",
    "description": "''",
    "metadata": "'{}'::jsonb",
    "occurred_at": "NULL",
}
_ROW = ", ".join(NEW_IDS_SQL if name == "id" else name for name in _FIELDS)
_DEFAULTS = ", ".join(f"{value} AS {name}" for name, value in _FIELDS.items() if value is not None and name != "id")


def post_query(
    query: str,
    parameters: Mapping[str, Any],
    *,
    at: datetime,
    news: "type[EntryEvent]",
    tally: str = "0",
) -> Written:
    """Post what an SQL query makes, one row a posting, and publish one event of `news` for each entry.

    The query's columns are named as the fields of a `Posting`, with `member_id` for the member and without an id;
    `member_id`, `type` and `points` must be there, the rest may be. No member may stand in it twice. Lifetime points
    do not move unless `moves_lifetime` says so. `tally` is an SQL aggregate over the entries written, `e`. The
    statement is prepared: cast a parameter where PostgreSQL cannot tell its type. Raises as `ledger.post` does.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("post_query needs a transaction: the caller's change and the value belong together.")
    # Within the array, a name that the query does not have is found one step further out, among the defaults.
    statement = f"""
        WITH posted AS MATERIALIZED (
            SELECT posted.* FROM (SELECT {_DEFAULTS}) AS nothing_else, ledger_post_set_v2(
                %(ledger_at)s::timestamptz,
                ARRAY(SELECT ROW({_ROW})::ledger_posting_v1 FROM ({query}) AS asked)) AS posted
        ),
        written AS (
            SELECT posted.*, entry_id AS id, points_balance AS points_balance_after,
                   stamp_count AS stamps_balance_after
              FROM posted WHERE outcome = 'created'
        ),
        news AS ({outbox.insert_query(news, f"SELECT {news.COLUMNS} FROM written AS e")})
        SELECT count(*), coalesce(sum(e.points_delta), 0)::bigint, coalesce({tally}, 0)::bigint,
               (SELECT xact FROM posted LIMIT 1)
          FROM written AS e"""
    try:
        rows = run(statement, {**parameters, "ledger_at": ledger.moment_text(at)})
    except DatabaseError as error:
        refusal = ledger.refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
    [(entries, points, counted, transaction_id)] = rows
    if transaction_id is not None:
        ledger.post_once()
    if entries:
        outbox.announce()
    return Written(entries, points, counted)
