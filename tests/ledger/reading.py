"""The books as the database keeps them, in the shape of the model's, and what is true of them at any time."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from loyalty import ledger
from loyalty.ledger import Posted, Posting
from loyalty.models import LedgerEntry, LotAllocation, Member, PointLot
from loyalty_site.refusals import Refusal
from tests.ledger.model import Books, Card, Entry, Faulty, Lot, Model, Outcome, Refused


def cards(members: Iterable[Member]) -> dict[UUID, Card]:
    """These members as the database has them now."""
    found = Member.objects.filter(pk__in=[member.pk for member in members])
    return {
        member.pk: Card(
            merchant=member.merchant_id,
            clock=member.last_activity_at,
            is_active=member.is_active,
            balance=member.points_balance,
            held=member.points_held,
            lifetime=member.lifetime_points,
            stamps=member.stamp_count,
            last_number=member.last_number,
        )
        for member in found
    }


def entry_of(row: LedgerEntry) -> Entry:
    """A row of the ledger as the model writes it."""
    return Entry(
        id=row.pk,
        member=row.member_id,
        number=row.number,
        type=str(row.type),
        points=row.points_delta,
        balance_after=row.points_balance_after,
        stamps=row.stamps_delta,
        stamps_after=row.stamps_balance_after,
        lifetime=row.lifetime_delta,
        requested=row.requested,
        answers=row.answers_id,
        key=row.key,
        fingerprint=None if row.fingerprint is None else bytes(row.fingerprint),
        occurred_at=row.occurred_at,
    )


def books(members: Sequence[Member]) -> Books:
    """All that the database has written down of these members."""
    ids = [member.pk for member in members]
    return Books(
        cards=cards(members),
        entries={row.pk: entry_of(row) for row in LedgerEntry.objects.filter(member_id__in=ids)},
        lots={
            row.pk: Lot(row.pk, row.member_id, row.number, row.points, row.expires_at, row.consumed, row.status)
            for row in PointLot.objects.filter(member_id__in=ids)
        },
        allocations={
            (row.entry_id, row.lot_id): row.points for row in LotAllocation.objects.filter(lot__member_id__in=ids)
        },
    )


def model_of(members: Sequence[Member]) -> Model:
    """The model as it stands where the database does, of these members."""
    model = Model({})
    model.books = books(members)
    model.keys = {
        (model.books.cards[entry.member].merchant, entry.key): entry
        for entry in model.books.entries.values()
        if entry.key is not None
    }
    return model


def outcome_of(posted: Posted) -> Outcome:
    """What `ledger.post` answered for one posting."""
    what = "created" if posted.created else "moved" if posted.moved else "replayed" if posted.entry else "skipped"
    return Outcome(
        what,
        entry_of(posted.entry) if posted.entry else None,
        posted.points_balance,
        posted.points_held,
        posted.stamp_count,
        posted.lifetime_points,
    )


# What a refusal says, or that something is wrong beyond refusal.
No = tuple[str, dict[str, Any]]
FAULT: No = ("fault", {})


def posted(postings: Sequence[Posting], *, at: Any, body: str) -> list[Outcome] | No:
    """Post through this body; the outcomes, or what the refusal says, or `FAULT`. What is refused is rolled back."""
    try:
        with transaction.atomic():
            return [outcome_of(one) for one in ledger.post(postings, at=at, body=body)]
    except Refusal as refusal:
        return refusal.code, refusal.facts
    except (DatabaseError, ValueError):
        return FAULT


def modelled(model: Model, postings: Sequence[Posting], *, at: Any) -> list[Outcome] | No:
    """What the model says to the same."""
    try:
        return model.post(postings, at=at)
    except Refused as refused:
        return refused.code, refused.facts
    except Faulty:
        return FAULT


BROKEN = {
    "a balance is not the sum of its entries": """
        SELECT m.id FROM loyalty_members m LEFT JOIN loyalty_ledger_entries e ON e.member_id = m.id
          GROUP BY m.id
          HAVING (m.points_balance, m.stamp_count, m.lifetime_points) IS DISTINCT FROM (
              coalesce(sum(e.points_delta), 0), coalesce(sum(e.stamps_delta), 0), coalesce(sum(e.lifetime_delta), 0))
    """,
    "numbers have a gap": """
        SELECT m.id FROM loyalty_members m LEFT JOIN loyalty_ledger_entries e ON e.member_id = m.id
          GROUP BY m.id
          HAVING m.last_number <> count(e.id) OR m.last_number <> coalesce(max(e.number), 0)
    """,
    "a balance after an entry is not the one before it and the entry": """
        SELECT id FROM (
            SELECT e.id, e.points_balance_after, e.stamps_balance_after,
                   sum(e.points_delta) OVER so_far AS points, sum(e.stamps_delta) OVER so_far AS stamps
              FROM loyalty_ledger_entries e
              WINDOW so_far AS (PARTITION BY e.member_id ORDER BY e.number)) chain
          WHERE (points_balance_after, stamps_balance_after) IS DISTINCT FROM (points, stamps)
    """,
    "a lot gave what no entry took": """
        SELECT l.id FROM loyalty_point_expirations l LEFT JOIN loyalty_lot_allocations a ON a.lot_id = l.id
          GROUP BY l.id HAVING l.consumed <> coalesce(sum(a.points), 0)
    """,
    "an entry moved lots by more than its points": """
        SELECT e.id FROM loyalty_ledger_entries e JOIN loyalty_lot_allocations a ON a.entry_id = e.id
          GROUP BY e.id HAVING abs(sum(a.points)) > abs(e.points_delta) OR sign(sum(a.points)) = sign(e.points_delta)
    """,
    "open lots hold more than the balance": """
        SELECT m.id FROM loyalty_members m JOIN loyalty_point_expirations l ON l.member_id = m.id
          WHERE l.status = 'scheduled'
          GROUP BY m.id HAVING sum(l.points - l.consumed) > m.points_balance
    """,
    "a hold exceeds the balance, or something is negative": """
        SELECT m.id FROM loyalty_members m
          WHERE m.points_held > m.points_balance OR least(m.points_held, m.lifetime_points, m.stamp_count) < 0
    """,
}


def broken_promises() -> dict[str, int]:
    """What is wrong in the whole database, with how many rows; nothing, if the ledger keeps its promises."""
    wrong = {}
    with connection.cursor() as cursor:
        for promise, query in BROKEN.items():
            cursor.execute(query)
            if rows := cursor.fetchall():
                wrong[promise] = len(rows)
    return wrong
