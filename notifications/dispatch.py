"""The sender: takes messages from the table to their channels, outside any transaction, and records what came of it.

Any number of senders may run at once: each works on what it has claimed. At least once: a sender that dies between
handing a message over and writing it down leaves it to another, who sends it again and marks it as uncertain.
"""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from notifications import composing, tracking
from notifications.channels import base
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result
from notifications.models import Channel, Delivery, Message
from notifications.sending import circuits, reading, recording
from notifications.sending.circuits import State
from notifications.sending.claims import BATCH, MOST_ATTEMPTS, Claim, RoundRobin
from notifications.sending.deciding import Verdict, decide
from notifications.sending.recording import Next

logger = logging.getLogger(__name__)
log = structlog.get_logger("loyalty.notification_service")

Clock = Callable[[], datetime]


@dataclass
class Report:
    """What a call of `dispatch` has done, message by message. `more`: it stopped early, with messages left."""

    counts: Counter[str] = field(default_factory=Counter)
    # Sent again because an attempt never reported, and reports that came after the lease had run out.
    uncertain: int = 0
    late: int = 0
    more: bool = False
    # Messages that went on with another channel since all channels were looked at.
    moved: bool = False
    down: list[str] = field(default_factory=list)

    def as_counts(self) -> dict[str, int]:
        """The figures of it."""
        names = ("sent", "deferred", "failed", "skipped", "suppressed", "held")
        return {**{name: self.counts[name] for name in names}, "uncertain": self.uncertain, "late": self.late}


@dataclass
class _Handed:
    """A composed message with the row of its attempt."""

    claim: Claim
    message: Message
    delivery: Delivery
    outgoing: Outgoing


# Taken on by every call in this process, so that each begins after the merchant served last.
_turns = RoundRobin()


def dispatch(
    *,
    clock: Clock = timezone.now,
    batch_size: int = BATCH,
    max_seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    merchant_id: UUID | None = None,
    due: datetime | None = None,
) -> Report:
    """Send everything that is due, in transactions of its own, and return when nothing is.

    Channels take turns, and so do merchants within each. A channel whose provider does not answer is left out. With
    `due`, a time gone by, what came due later is left alone; everything else goes by the clock.
    """
    # A claim inside somebody's transaction would be no claim: refused here, before anything is taken.
    with transaction.atomic(durable=True):
        report = Report()
    end = time.monotonic() + max_seconds if max_seconds is not None else None
    channels = [channel.value for channel in Channel]
    while channels:
        states = circuits.states(channels, at=clock())
        for channel in list(channels):
            if stop() or (end is not None and time.monotonic() >= end):
                report.more = True
                return report
            if not _send_batch(channel, states[channel], clock, batch_size, merchant_id, due, report):
                channels.remove(channel)
        if not channels and report.moved:
            report.moved, channels = False, [channel.value for channel in Channel]
    return report


def _send_batch(
    channel: str,
    state: State,
    clock: Clock,
    size: int,
    only: UUID | None,
    due: datetime | None,
    report: Report,
) -> bool:
    """Claim, decide, send, record. Return whether there may be more to send on this channel."""
    if state is State.OPEN:
        return False
    at = clock()
    claims = _turns.claim(channel=channel, at=at, size=1 if state is State.TRIAL else size, only=only, due=due)
    if not claims:
        if state is State.TRIAL:
            circuits.give_back_trial(channel, at=at)
        return False
    report.uncertain += sum(claim.is_uncertain for claim in claims)
    nexts, handed = _prepare(claims, at=at)
    outcomes, down = _send(channel, [each.outgoing for each in handed])
    at = clock()
    nexts += [
        recording.of_outcome(each.claim, each.message, each.delivery, outcome, at=at)
        for each, outcome in zip(handed, outcomes, strict=True)
    ]
    report.late += recording.record(nexts, at=at)
    if handed:
        # A provider may have reported before we had written down what it reports of.
        tracking.settle(key for each in handed for key in (str(each.delivery.pk), each.delivery.provider_id) if key)
    _tell(channel, nexts, report)
    if down is not None:
        circuits.trip(channel, at=at, reason=str(down), retry_after=down.retry_after)
        logger.error("The provider of %s does not answer: %s", channel, down)
        report.down.append(channel)
        return False
    if state is State.TRIAL:
        if handed:
            circuits.close(channel, at=at)
        else:
            circuits.give_back_trial(channel, at=at)
    return True


def _prepare(claims: Sequence[Claim], *, at: datetime) -> tuple[list[Next], list[_Handed]]:
    """Decide and compose. What is not to be sent has its end already; the rest can be handed over."""
    read = reading.read(claims)
    by_id: Mapping[UUID, Claim] = {claim.message_id: claim for claim in claims}
    composer = composing.Composer(read, at=at)
    nexts: list[Next] = []
    handed: list[_Handed] = []
    for message in read.messages:
        claim = by_id[message.pk]
        if claim.attempt > MOST_ATTEMPTS:
            nexts.append(recording.failed(claim, message, "Each worker that tried to send it ended.", at=at))
            continue
        delivery: Delivery | None = None
        try:
            verdict = decide(message, read, at=at)
            if verdict.status:
                nexts.append(recording.of_verdict(claim, message, verdict, at=at))
                continue
            delivery = recording.delivery_of(claim, message, verdict.address, at=at)
            handed.append(_Handed(claim, message, delivery, composer.compose(message, delivery)))
        except composing.TooLate as refusal:
            verdict = Verdict(status=Message.Status.SKIPPED, reason=str(refusal), for_all_channels=True)
            nexts.append(recording.of_verdict(claim, message, verdict, at=at))
        except DatabaseError:
            # Nothing is wrong with the message: the claim runs out, and it is taken again.
            raise
        except Exception as error:
            # One template, one row of odd facts: its own message fails, not the batch.
            _log_defect(f"{message.code} cannot be composed", error)
            reason = f"It cannot be composed: {type(error).__name__}: {error}"
            nexts.append(recording.failed(claim, message, reason, at=at, delivery=delivery))
    return nexts, handed


def _send(channel: str, batch: Sequence[Outgoing]) -> tuple[list[Outcome], ChannelDown | None]:
    """Hand the batch to the channel. Where the provider is not there, every message waits for another try."""
    adapter = base.adapter_for(channel)
    if not batch or adapter is None:
        return [], None
    try:
        outcomes = adapter.send(batch)
        if len(outcomes) != len(batch):
            raise ValueError("A channel answers for each message of a batch.")  # noqa: TRY301
    except ChannelDown as error:
        down, is_defect = error, False
    except Exception as error:
        # A defect of the adapter: loud, and as harmful as a provider that is down.
        _log_defect(f"The channel {channel} failed", error)
        down, is_defect = ChannelDown(f"The channel failed: {type(error).__name__}."), True
    else:
        return outcomes, None
    lost = Outcome(
        result=Result.DEFERRED, error=str(down), retry_after=down.retry_after, is_busy=True, counts=is_defect
    )
    return [lost] * len(batch), down


def _tell(channel: str, nexts: Sequence[Next], report: Report) -> None:
    counts = Counter(each.said for each in nexts)
    report.counts += counts
    report.moved |= any(each.moves for each in nexts)
    if nexts:
        log.info("handed over", channel=channel, **counts)


def _log_defect(what: str, error: BaseException) -> None:
    """Where it happened, without what it said: that may name a person."""
    logger.error("%s: %s\n%s", what, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def drain(stop: Callable[[], bool]) -> bool:
    """A turn of the delivery loop: send for some seconds at most. Return whether there is more."""
    return dispatch(max_seconds=2.0, stop=stop).more
