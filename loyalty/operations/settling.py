"""Bookings: postings with the news they make. Every operation on points and stamps ends here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

import structlog

from loyalty import ledger
from loyalty.events import EntryEvent, RewardReady
from loyalty.ledger import Posted, Posting
from loyalty.models import EntryType
from loyalty.operations import tiers
from loyalty_site import outbox
from loyalty_site.outbox import Event

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
) -> list[Posted]:
    """Post the bookings as one batch and publish what came of them; runs in the caller's transaction.

    A retry posts nothing and publishes nothing. Members who reached a higher tier are in it afterwards. `also` makes
    further events from what was posted, once it is. `qualifying` are points towards a tier, by member id, read under
    the members' locks. Raises what `ledger.post` raises.
    """
    posted = ledger.post(
        [booking.posting for booking in bookings],
        at=at,
        news=[booking.news.kind if booking.news is not None else None for booking in bookings],
    )
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
