"""Crediting rewards whose time has come, and taking back those of returned orders: a batch of postings a chunk.

A chunk is one transaction: it claims its invites, weighs each, and posts all of its credits at once. Where one of them
fails nothing of the chunk has happened; its halves are tried by themselves, down to the one that cannot be settled.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.models import Q

from loyalty.models import LedgerEntry, Member
from loyalty.queries import faces
from referrals.models import Invite, ReferralReview
from referrals.operations import qualifying, rewarding
from referrals.queries import evidence

State = Invite.RewardState
# Members of a chunk wait at the till as long as it takes.
CHUNK = 100


def settle(*, at: datetime, chunk: int = CHUNK) -> Counter[str]:
    """Credit, hold or drop what is payable at `at`, and take back what was returned.

    Counts paid, held, dropped, reversed and shortfall (points). Several workers share the work. What fails in one is
    raised when the others have had their turn.
    """
    counts: Counter[str] = Counter(paid=0, held=0, dropped=0, reversed=0, shortfall=0)
    failures: list[Exception] = []
    for chunks, work in ((_payable(at, chunk), _pay), (_returned(chunk), _reverse)):
        for invite_ids in chunks:
            _attempt(work, invite_ids, at, counts, failures)
    if failures:
        raise ExceptionGroup("Some rewards could not be settled", failures)
    return counts


def _attempt(
    work: Callable[[Sequence[UUID], datetime], Counter[str]],
    invite_ids: Sequence[UUID],
    at: datetime,
    counts: Counter[str],
    failures: list[Exception],
) -> None:
    try:
        done = work(invite_ids, at)
    except Exception as error:
        # A lost connection or a lock that was not had is nobody's fault: the next run tries the chunk again.
        if len(invite_ids) == 1 or isinstance(error, OperationalError):
            error.add_note(f"invites {', '.join(map(str, invite_ids))}")
            failures.append(error)
            return
        middle = len(invite_ids) // 2
        for half in (invite_ids[:middle], invite_ids[middle:]):
            _attempt(work, half, at, counts, failures)
    else:
        counts.update(done)


def _payable(at: datetime, chunk: int) -> Iterator[list[UUID]]:
    due = Invite.objects.filter(reward_state=State.PENDING, payable_at__lte=at).order_by("payable_at", "pk")
    rest = due
    while rows := list(rest.values_list("payable_at", "pk")[:chunk]):
        yield [pk for _, pk in rows]
        moment, pk = rows[-1]
        rest = due.filter(Q(payable_at__gt=moment) | Q(payable_at=moment, pk__gt=pk))


def _returned(chunk: int) -> Iterator[list[UUID]]:
    after = UUID(int=0)
    while True:
        rows = Invite.objects.filter(reward_state=State.REVERSING, pk__gt=after).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:chunk])
        if not ids:
            return
        yield ids
        after = ids[-1]


def _claimed(invite_ids: Sequence[UUID], state: str) -> list[Invite]:
    """The invites that are still in this state and that nobody else is at, locked."""
    free = Invite.objects.select_for_update(skip_locked=True, no_key=True)
    return list(free.filter(pk__in=invite_ids, reward_state=state).order_by("pk"))


def members_of(invites: Sequence[Invite]) -> dict[UUID, Member]:
    """Inviters and invitees of converted invites by id, locked in the order of their ids."""
    ids = {pk for invite in invites for pk in (invite.referrer_id, invite.invitee_id)}
    found = faces.members("m.id = ANY (%s::uuid[])", [list(ids)], for_change=True, order="ORDER BY m.id")
    return {member.pk: member for member in found}


@transaction.atomic(durable=True)
def _pay(invite_ids: Sequence[UUID], at: datetime) -> Counter[str]:
    claimed = _without_returned(_claimed(invite_ids, State.PENDING))
    counts = Counter(dropped=len(claimed[1]))
    if not claimed[0]:
        return counts
    members = members_of(claimed[0])
    due: list[tuple[Invite, Member, Member]] = []
    for invite in claimed[0]:
        referrer, invitee = members[invite.referrer_id], members[invite.invitee_id]  # type: ignore[index]
        if referrer.is_active and invitee.is_active:
            due.append((invite, referrer, invitee))
        else:
            rewarding.drop(invite=invite, reason="card_inactive", at=at)
            counts["dropped"] += 1
    found = evidence.gather_many(due)
    held: list[ReferralReview] = [
        review
        for invite, referrer, invitee in due
        if (
            review := rewarding.weigh(
                invite=invite, referrer=referrer, invitee=invitee, evidence=found[invite.pk], at=at
            )
        )
    ]
    paid = [each for each in due if each[0].reward_state == State.PENDING]
    rewarding.credit(paid, at=at)
    Invite.objects.bulk_update(claimed[0], rewarding.CHANGED)
    ReferralReview.objects.bulk_create(held)
    counts.update(paid=len(paid), held=len(held))
    return counts


def _without_returned(invites: list[Invite]) -> tuple[list[Invite], set[UUID]]:
    """The invites, without those whose order has come back; and the ids of these, which are dropped.

    News comes in no promised order: a return may have been heard of before the order that made the invite count.
    """
    orders = [invite.order_entry_id for invite in invites if invite.order_entry_id is not None]
    answers = LedgerEntry.objects.filter(answers_id__in=orders, type__in=qualifying.RETURNS)
    if not orders or not qualifying.returned(list(answers.values_list("pk", flat=True))):
        return invites, set()
    still = set(
        Invite.objects.filter(pk__in=[invite.pk for invite in invites], reward_state=State.PENDING).values_list(
            "pk", flat=True
        )
    )
    kept = [invite for invite in invites if invite.pk in still]
    return kept, {invite.pk for invite in invites} - still


@transaction.atomic(durable=True)
def _reverse(invite_ids: Sequence[UUID], at: datetime) -> Counter[str]:
    claimed = _claimed(invite_ids, State.REVERSING)
    if not claimed:
        return Counter()
    missing = rewarding.take_back(claimed, at=at)
    Invite.objects.bulk_update(claimed, rewarding.CHANGED)
    return Counter(reversed=len(claimed), shortfall=missing)
