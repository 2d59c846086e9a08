"""Bookings: postings with the news they make. Every operation on points and stamps ends here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

import structlog
from django.db import transaction

from loyalty import ledger
from loyalty.events import EntryEvent, RewardReady
from loyalty.ledger import Posted, Posting
from loyalty.ledger_credit import Keeper, credit, is_plain
from loyalty.models import EntryType
from loyalty.operations import tiers
from loyalty.queries import locks
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.postgres.own import own_connection
from loyalty_site.prepared import run

_points_log = structlog.get_logger("loyalty.points_service")
_stamps_log = structlog.get_logger("loyalty.stamp_service")


@dataclass(frozen=True, slots=True)
class Booking:
    """A posting, and the class of the event that tells of the entry it writes (None: a hold tells for itself)."""

    posting: Posting
    news: type[EntryEvent] | None


def settle(
    bookings: Sequence[Booking],
    *,
    at: datetime,
    also: Callable[[list[Posted]], Iterable[Event]] | None = None,
    qualifying: dict[UUID, int] | None = None,
    last: bool = False,
    through: ledger.Through = run,
) -> list[Posted]:
    """Post the bookings as one batch and publish what came of them; runs in the caller's transaction.

    A retry posts nothing and publishes nothing. Members who reached a higher tier are in it afterwards. `also` makes
    further events from what was posted, once it is. `qualifying` are points towards a tier, by member id, read under
    the members' locks. `last` promises that no news comes of it but the entries', and that nothing follows in this
    transaction. `through` is as in `ledger.post`: where it has nothing posted, nothing comes of it, and `also` is not
    asked. Raises what `ledger.post` raises.
    """
    posted = (_credited(bookings, at) if through is run else None) or ledger.post(
        [booking.posting for booking in bookings],
        at=at,
        news=[_kind(booking) for booking in bookings],
        last=last,
        through=through,
    )
    if not posted:
        return []
    events = [
        booking.news.of(one)
        for booking, one in zip(bookings, posted, strict=True)
        if one.created and booking.news is not None and not one.told
    ]
    outbox.publish_many(
        chain(
            events,
            _rewards_ready(posted),
            tiers.raise_where_reached(posted, at=at, known=qualifying),
            also(posted) if also else (),
        )
    )
    _log(posted)
    return posted


def settle_alone(booking: Booking, *, at: datetime) -> Posted:
    """Settle a booking that is a transaction of its own, unless one is under way.

    Raises what `settle` raises.
    """
    posted = settle_at_once(booking, at=at)
    if posted is not None:
        return posted
    with transaction.atomic(savepoint=False):
        [posted] = settle([booking], at=at)
    return posted


def settle_at_once(booking: Booking, *, at: datetime, keeper: Keeper | None = None) -> Posted | None:
    """Settle a booking in one statement, without BEGIN and COMMIT; None where that cannot be, and nothing was done.

    It can for a plain credit of points that raises nobody to a tier, outside of a transaction. Stamps may make a
    reward ready, which is told in the same transaction. The member need not be locked: nothing is done for who was
    switched off, warned or given another card meanwhile, and who was raised has reached what this stays below.
    """
    member, posting = booking.posting.member, booking.posting
    plain = is_plain(posting) and not posting.stamps and member.tier_warned_at is None
    if not plain or _is_in_transaction():
        return None
    posted = credit(
        posting, at=at, news=_kind(booking), below=tiers.rises_at(member), card=member.card_number, keeper=keeper
    )
    if posted is not None:
        _log([posted])
    return posted


def _is_in_transaction() -> bool:
    # Django's own test case wraps a whole test, many operations, in one transaction.
    return any(not getattr(block, "_from_testcase", False) for block in own_connection().atomic_blocks)


def _credited(bookings: Sequence[Booking], at: datetime) -> list[Posted] | None:
    """One plain credit of a member whom this transaction has locked; None for everything else."""
    first = bookings[0] if len(bookings) == 1 else None
    if first is None or not is_plain(first.posting) or not locks.is_held(first.posting.member):
        return None
    posted = credit(first.posting, at=at, news=_kind(first))
    return [posted] if posted is not None else None


def _kind(booking: Booking) -> str | None:
    return booking.news.kind if booking.news is not None else None


def _log(posted: list[Posted]) -> None:
    """One line for a single entry, one for a batch: a till's every step, an import's days."""
    written = [one.entry for one in posted if one.created and one.entry is not None]
    if not written:
        return
    first = written[0]
    log = _stamps_log if first.stamps_delta else _points_log
    if len(written) == 1:
        log.info(
            str(first.type),
            merchant=first.merchant_id,
            member=first.member_id,
            entry=first.pk,
            points=first.points_delta,
            stamps=first.stamps_delta,
        )
    else:
        log.info("batch", merchant=first.merchant_id, entries=len(written))


def _rewards_ready(posted: list[Posted]) -> Iterable[Event]:
    """One event each time a stamp took the count to a multiple of the target."""
    for one in posted:
        entry = one.entry
        if not one.created or entry is None or entry.type != EntryType.STAMP_EARNED:
            continue
        target = one.posting.member.program.stamps_target
        before = entry.stamps_balance_after - entry.stamps_delta
        for _ in range(entry.stamps_balance_after // target - before // target):
            yield RewardReady.about(
                one.posting.member,
                at=entry.occurred_at,
                entry_id=entry.pk,
                stamps=entry.stamps_balance_after,
                stamps_target=target,
            )
