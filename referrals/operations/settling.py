"""Crediting rewards whose time has come, and taking back those of returned orders: a transaction each.

A conversion is rare beside a purchase, and each is weighed by itself; so this walks, and a failure keeps no other
from its turn.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from loyalty.models import Member
from loyalty.queries import faces
from referrals.models import Invite
from referrals.operations import rewarding
from referrals.operations.writing import update_alongside
from referrals.queries import evidence

State = Invite.RewardState
CHUNK = 200


def settle(*, at: datetime) -> Counter[str]:
    """Credit, hold or drop what is payable at `at`, and take back what was returned.

    Counts paid, held, dropped, reversed and shortfall (points). Several workers share the work. What fails in one is
    raised when the others have had their turn.
    """
    counts: Counter[str] = Counter(paid=0, held=0, dropped=0, reversed=0, shortfall=0)
    failures: list[Exception] = []
    for invite_ids, work in ((_payable(at), _pay), (_returned(), _reverse)):
        for invite_id in invite_ids:
            _attempt(work, invite_id, at, counts, failures)
    if failures:
        raise ExceptionGroup("Some rewards could not be settled", failures)
    return counts


def _attempt(
    work: Callable[[UUID, datetime], Counter[str]],
    invite_id: UUID,
    at: datetime,
    counts: Counter[str],
    failures: list[Exception],
) -> None:
    try:
        counts.update(work(invite_id, at))
    except Exception as error:
        error.add_note(f"invite {invite_id}")
        failures.append(error)


def _payable(at: datetime) -> Iterator[UUID]:
    due = Invite.objects.filter(reward_state=State.PENDING, payable_at__lte=at).order_by("payable_at", "pk")
    rest = due
    while rows := list(rest.values_list("payable_at", "pk")[:CHUNK]):
        yield from (pk for _, pk in rows)
        moment, pk = rows[-1]
        rest = due.filter(Q(payable_at__gt=moment) | Q(payable_at=moment, pk__gt=pk))


def _returned() -> Iterator[UUID]:
    after = UUID(int=0)
    while True:
        rows = Invite.objects.filter(reward_state=State.REVERSING, pk__gt=after).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return
        yield from ids
        after = ids[-1]


def _claimed(invite_id: UUID, state: str) -> Invite | None:
    """The invite, locked, if it is still in this state and nobody else is at it."""
    free = Invite.objects.select_for_update(skip_locked=True, no_key=True)
    return free.filter(pk=invite_id, reward_state=state).first()


def members_of(invite: Invite) -> tuple[Member, Member]:
    """Inviter and invitee of a converted invite, locked in the order of their ids."""
    found = {
        member.pk: member
        for member in faces.members(
            "m.id = ANY (%s::uuid[])", [[invite.referrer_id, invite.invitee_id]], for_change=True, order="ORDER BY m.id"
        )
    }
    assert invite.invitee_id is not None  # noqa: S101 (a constraint sees to it)
    return found[invite.referrer_id], found[invite.invitee_id]


@transaction.atomic(durable=True)
def _pay(invite_id: UUID, at: datetime) -> Counter[str]:
    invite = _claimed(invite_id, State.PENDING)
    if invite is None:
        return Counter()
    referrer, invitee = members_of(invite)
    if not (referrer.is_active and invitee.is_active):
        rewarding.drop(invite=invite, reason="card_inactive", at=at)
        update_alongside(invite, *rewarding.CHANGED)
        return Counter(dropped=1)
    found = evidence.gather(referrer=referrer, invitee=invitee, invite_id=invite.pk, at=at)
    rewarding.judge(invite=invite, referrer=referrer, invitee=invitee, evidence=found, at=at)
    update_alongside(invite, *rewarding.CHANGED)
    return Counter(paid=1) if invite.reward_state == State.PAID else Counter(held=1)


@transaction.atomic(durable=True)
def _reverse(invite_id: UUID, at: datetime) -> Counter[str]:
    invite = _claimed(invite_id, State.REVERSING)
    if invite is None:
        return Counter()
    missing = rewarding.take_back(invite=invite, reason=invite.reason, actor=None, at=at)
    update_alongside(invite, *rewarding.CHANGED)
    return Counter(reversed=1, shortfall=missing)
