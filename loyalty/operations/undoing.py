"""Undoing a run: every entry it wrote is answered by another (specs/points.md "Restore, adjust, undo")."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from loyalty import ledger
from loyalty.events import EntryUndone, RunUndone
from loyalty.ledger import Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty_site import outbox
from loyalty_site.refusals import Refusal

CHUNK = 500


class NotUndoable(Refusal):
    """An undo is not undone: what it gave back, the next run may take again."""

    code = "run_not_undoable"
    status = 422
    sentence = "This run wrote nothing that can be undone."


@dataclass(frozen=True, slots=True)
class Undoable:
    """What is left to undo of a run. `given_back` and `taken_back` are points the undo would move at most."""

    entries: int
    members: int
    given_back: int
    taken_back: int
    undone_before: int


def undo(
    *,
    run_id: UUID,
    undo_run_id: UUID,
    at: datetime,
    actor_id: UUID | None = None,
    merchant_id: UUID | None = None,
    member_id: UUID | None = None,
    chunk: int = CHUNK,
    advance: Callable[[int], None] = lambda entries: None,
) -> Counter[str]:
    """Answer every entry of the run with an `undo` entry, newest first, chunk by chunk; each chunk commits.

    What an expiry took returns into the same lots under their old dates; clock and lifetime points stay as they are.
    What a run gave is taken back as far as it is still available: the rest is counted as shortfall, of points or of
    stamps. What a restore gave back before is left out, and so is what a refund or a void took. Doing it twice moves
    nothing the second time. Counts entries, members, points (net), shortfall, stamps_shortfall and already_undone;
    `advance` hears of each chunk's size. Raises `NotUndoable` for a run that is itself an undo.
    """
    counts: Counter[str] = Counter(entries=0, members=0, points=0, shortfall=0, stamps_shortfall=0, already_undone=0)
    touched: set[UUID] = set()
    merchants: dict[UUID, list[int]] = {}
    for ids in _chunks(run_id, merchant_id, member_id, chunk):
        done = _undo_chunk(ids, undo_run_id, at, actor_id)
        counts["already_undone"] += done.already
        counts["stamps_shortfall"] += done.missing_stamps
        for posted in done.posted:
            entry = posted.entry
            if not posted.created or entry is None:
                counts["already_undone"] += 1
                continue
            counts["entries"] += 1
            counts["points"] += entry.points_delta
            counts["shortfall"] += entry.shortfall if posted.posting.points < 0 else 0
            touched.add(entry.member_id)
            tally = merchants.setdefault(entry.merchant_id, [0, 0])
            tally[0] += 1
            tally[1] += entry.points_delta
        advance(len(ids))
    counts["members"] = len(touched)
    with transaction.atomic():
        outbox.publish_many(
            RunUndone(
                merchant_id=merchant,
                occurred_at=at,
                run_id=run_id,
                undo_run_id=undo_run_id,
                members=members,
                points=points,
            )
            for merchant, (members, points) in merchants.items()
        )
    return counts


def what_was_missing(counts: Counter[str]) -> str:
    """A sentence on what an undo found spent; empty where it took everything back."""
    missing = [
        f"{counts[name]} {unit}"
        for name, unit in (("shortfall", "points"), ("stamps_shortfall", "stamps"))
        if counts[name]
    ]
    return f"{' and '.join(missing)} had been spent already and were not taken back." if missing else ""


def undoable(*, run_id: UUID, merchant_id: UUID | None = None, member_id: UUID | None = None) -> Undoable:
    """What an undo would still move, before it does. Raises `NotUndoable`."""
    entries = _entries(run_id, merchant_id, member_id)
    _refuse_an_undo(entries)
    members: set[UUID] = set()
    figures: Counter[str] = Counter()
    for ids in _chunks(run_id, merchant_id, member_id, CHUNK):
        for each in _left(LedgerEntry.objects.in_bulk(ids), ids):
            if not each.points and not each.stamps:
                figures["undone_before"] += 1
                continue
            figures["entries"] += 1
            members.add(each.entry.member_id)
            figures["given_back" if each.points < 0 else "taken_back"] += abs(each.points)
    return Undoable(
        entries=figures["entries"],
        members=len(members),
        given_back=figures["given_back"],
        taken_back=figures["taken_back"],
        undone_before=figures["undone_before"],
    )


@dataclass(slots=True)
class _Left:
    """What is left of an entry once refunds, voids and restores have answered it, signed."""

    entry: LedgerEntry
    points: int
    stamps: int


@dataclass(frozen=True, slots=True)
class _Undone:
    """What one chunk did."""

    posted: list[ledger.Posted]
    already: int
    missing_stamps: int


@transaction.atomic(durable=True)
def _undo_chunk(ids: list[UUID], undo_run_id: UUID, at: datetime, actor_id: UUID | None) -> _Undone:
    entries = LedgerEntry.objects.in_bulk(ids)
    # Locked before anything is looked at, so that no refund comes between what is left and what is taken.
    members = {
        member.pk: member
        for member in Member.objects.select_related("program")
        .filter(pk__in={entry.member_id for entry in entries.values()})
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    }
    left = [each for each in _left(entries, ids) if each.points or each.stamps]
    stamps_there = {pk: member.stamp_count for pk, member in members.items()}
    postings, missing = [], 0
    for each in left:
        pk = each.entry.member_id
        # Stamps that were redeemed meanwhile are not there to be taken; like points, they are not owed.
        taken = min(each.stamps, stamps_there[pk])
        stamps_there[pk] -= taken
        missing += each.stamps - taken
        postings.append(_answer(each, taken, members[pk], undo_run_id, actor_id))
    posted = ledger.post(postings, at=at)
    outbox.publish_many(EntryUndone.of(one) for one in posted if one.created)
    return _Undone(posted, already=len(ids) - len(left), missing_stamps=missing)


def _left(entries: dict[UUID, LedgerEntry], ids: list[UUID]) -> Iterator[_Left]:
    """What is left of each entry, in the order of `ids`. Its member's answers count, nobody else's."""
    answers = (
        LedgerEntry.objects.filter(answers_id__in=ids)
        .values("answers_id", "member_id")
        .annotate(points=Sum("points_delta"), stamps=Sum("stamps_delta"))
    )
    answered = {(row["answers_id"], row["member_id"]): row for row in answers}
    undone = set(
        LedgerEntry.objects.filter(answers_id__in=ids, type=EntryType.UNDO).values_list("answers_id", flat=True)
    )
    for pk in ids:
        entry = entries[pk]
        answer = answered.get((pk, entry.member_id), {"points": 0, "stamps": 0})
        if pk in undone:
            # Undone once is undone, though less may have been there to take.
            yield _Left(entry, 0, 0)
        else:
            yield _Left(entry, entry.points_delta + answer["points"], entry.stamps_delta + answer["stamps"])


def _answer(left: _Left, stamps: int, member: Member, undo_run_id: UUID, actor_id: UUID | None) -> Posting:
    entry = left.entry
    return Posting(
        member=member,
        type=EntryType.UNDO,
        points=-left.points,
        stamps=-stamps,
        short=Short.CLAMP,
        key=f"undo:{entry.pk}",
        moves_lifetime=entry.lifetime_delta != 0,
        answers_id=entry.pk,
        gives_back=left.points < 0,
        run_id=undo_run_id,
        actor_id=actor_id,
        order_reference=entry.order_reference,
        metadata={"kind": "undo_run", "run_id": str(entry.run_id)}
        | ({"stamps_shortfall": left.stamps - stamps} if left.stamps > stamps else {}),
    )


def _entries(run_id: UUID, merchant_id: UUID | None, member_id: UUID | None) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(run_id=run_id)
    if merchant_id is not None:
        entries = entries.filter(merchant_id=merchant_id)
    if member_id is not None:
        entries = entries.filter(member_id=member_id)
    return entries


def _refuse_an_undo(entries: QuerySet[LedgerEntry]) -> None:
    if entries.filter(type=EntryType.UNDO).exists():
        raise NotUndoable("An undo is not undone; what it gave back, the next run may take again.")


def _chunks(run_id: UUID, merchant_id: UUID | None, member_id: UUID | None, chunk: int) -> Iterator[list[UUID]]:
    """Ids of the run's entries, newest first, so that a member's later entry is answered before the earlier."""
    entries = _entries(run_id, merchant_id, member_id)
    _refuse_an_undo(entries)
    before: tuple[UUID, ...] = ()
    while True:
        rest = entries.filter(pk__lt=before[0]) if before else entries
        ids = list(rest.order_by("-pk").values_list("pk", flat=True)[:chunk])
        if not ids:
            return
        yield ids
        before = (ids[-1],)
