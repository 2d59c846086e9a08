"""Giving back what was lost: by hand, with a reason (specs/points.md "Restore, adjust, undo")."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from loyalty import ledger
from loyalty.events import PointsRestored
from loyalty.ledger import Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations.orders import expiry_of_credit, form_key, whole_points
from loyalty.operations.points import ReasonMissing
from loyalty.operations.settling import Booking, settle
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import User


class NotAnExpiry(Refusal):
    """Only what expired can be re-opened."""

    code = "not_an_expiry"
    status = 422
    sentence = "Only an entry of expired points can be restored."


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore_many` did: the entries, members already restored by the same key counted in `repeated`."""

    done: list[LedgerEntry] = field(default_factory=list)
    repeated: int = 0


@transaction.atomic(savepoint=False)
def restore(
    *,
    member: Member,
    points: int,
    reason: str,
    actor: User | None,
    key: str | None,
    at: datetime,
    entry: LedgerEntry | None = None,
) -> LedgerEntry:
    """Give the member points back, restart the activity clock, and return the entry.

    With `entry`, an expiry of this member, its lots re-open under the later of their old date and a full period from
    now, and never more is given than that expiry took and nobody gave back yet. `key` makes a form or a retry count
    once. Raises `InvalidPoints`, `ReasonMissing`, `NotAnExpiry`, `NotFound`, `MoreThanWasTaken`, `KeyReused`.
    """
    booking = _restoring(member=member, points=points, reason=reason, actor=actor, key=key, at=at, entry=entry)
    [posted] = settle([booking], at=at)
    assert posted.entry is not None  # noqa: S101 (a restore is posted or refused)
    return posted.entry


@transaction.atomic(savepoint=False)
def restore_many(
    *, members: Iterable[Member], points: int, reason: str, actor: User | None, key: str, at: datetime
) -> Restored:
    """Give each of these members `points`, all or none; the same `key` again gives nobody anything.

    Raises `InvalidPoints`, `ReasonMissing`, `KeyReused`.
    """
    posted = settle(
        [
            _restoring(member=member, points=points, reason=reason, actor=actor, key=key, at=at, entry=None)
            for member in members
        ],
        at=at,
    )
    return Restored(
        done=[one.entry for one in posted if one.created and one.entry is not None],
        repeated=sum(not one.created for one in posted),
    )


def _restoring(
    *,
    member: Member,
    points: int,
    reason: str,
    actor: User | None,
    key: str | None,
    at: datetime,
    entry: LedgerEntry | None,
) -> Booking:
    if not reason.strip():
        raise ReasonMissing
    if entry is not None and entry.member_id != member.pk:
        raise NotFound
    if entry is not None and entry.type != EntryType.POINTS_EXPIRED:
        raise NotAnExpiry
    program = member.program
    return Booking(
        Posting(
            member=member,
            type=EntryType.ADMIN_ADJUSTMENT,
            points=whole_points(points),
            short=Short.REFUSE,
            key=f"restore:{form_key(key)}:{member.pk}" if key else None,
            fingerprint=ledger.fingerprint(points=points, reason=reason, entry=entry.pk if entry else None),
            is_activity=True,
            expires_at=None if entry else expiry_of_credit(program, at),
            answers_id=entry.pk if entry else None,
            gives_back=entry is not None,
            reopens_until=at + program.validity_period if entry else None,
            actor_id=actor.pk if actor else None,
            description=reason.strip(),
            metadata={"kind": "restore"},
            occurred_at=at,
        ),
        PointsRestored,
    )
