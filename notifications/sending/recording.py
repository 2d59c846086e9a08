"""Writing down what became of a batch: deliveries, the messages' new states and dead addresses, in one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from notifications import hooks
from notifications.channels.base import Outcome, Result
from notifications.models import Delivery, Message, Suppression
from notifications.sending import devices
from notifications.sending.claims import MOST_ATTEMPTS, Claim
from notifications.sending.deciding import Verdict
from notifications.sending.reading import plain

# Waited after the first, second, third try.
WAITS = [timedelta(seconds=60)] * 3
WAITS_OF_THE_BUSY = [timedelta(seconds=60), timedelta(minutes=5), timedelta(minutes=30)]
LONGEST_WAIT = timedelta(hours=24)
# So long a provider may be away without a message losing a try over it. Then it does: a message that ends every
# connection looks the same, and must not be tried for ever.
LONGEST_OUTAGE = timedelta(days=3)

# The attempt's number fences: where another sender has claimed the message anew, this one's word on it is late.
_UPDATE = """
UPDATE loyalty_messages AS message
SET status = now.status, error = now.error, next_attempt_at = coalesce(now.next_attempt_at, message.next_attempt_at),
    attempts = CASE WHEN now.afresh THEN 0 WHEN now.untried THEN message.attempts - 1 ELSE message.attempts END,
    channels = CASE WHEN now.moves THEN message.channels[2:] ELSE message.channels END,
    finished_at = CASE WHEN now.status IN ('queued', 'held', 'sending') THEN NULL ELSE %(at)s::timestamptz END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS now(
    id uuid, attempt int, status text, error text, next_attempt_at timestamptz, afresh boolean, moves boolean,
    untried boolean)
WHERE message.id = now.id AND message.status = 'sending' AND message.attempts = now.attempt
RETURNING message.id
"""


@dataclass(frozen=True, slots=True)
class Next:
    """What is to become of one message after this attempt. `said` is the outcome, as reports and hooks name it."""

    claim: Claim
    message: Message
    status: str
    said: str
    error: str = ""
    next_attempt_at: datetime | None = None
    # Attempts are counted anew: it waits for the member's morning, or goes on with another channel.
    afresh: bool = False
    # This attempt does not count.
    untried: bool = False
    # It goes on with its next channel.
    moves: bool = False
    delivery: Delivery | None = None
    dead: Suppression | None = None


def of_verdict(claim: Claim, message: Message, verdict: Verdict, *, at: datetime) -> Next:
    """What becomes of a message that is not to be sent, on this channel at least."""
    if verdict.status == Message.Status.HELD:
        return Next(
            claim, message, Message.Status.HELD, "held", verdict.reason, next_attempt_at=verdict.until, afresh=True
        )
    delivery = None
    if verdict.status == Message.Status.SUPPRESSED:
        delivery = delivery_of(claim, message, verdict.address, at=at)
        delivery.status, delivery.error = Delivery.Status.SUPPRESSED, verdict.reason
    moves = not verdict.for_all_channels
    return _ended(claim, message, verdict.status, verdict.reason, at=at, delivery=delivery, may_move=moves)


def of_outcome(claim: Claim, message: Message, delivery: Delivery, outcome: Outcome, *, at: datetime) -> Next:
    """What becomes of a message that was handed to its channel."""
    if outcome.result == Result.UNTRIED:
        # One whose attempt before never reported stays marked as such: as if its sender had gone a moment ago.
        status = Message.Status.SENDING if claim.is_uncertain else Message.Status.QUEUED
        return Next(claim, message, status, "untried", next_attempt_at=at, untried=True)
    delivery.provider_id, delivery.error = storable(outcome.provider_id, 255), storable(outcome.error, 2000)
    if outcome.result == Result.SENT:
        delivery.status = Delivery.Status.SENT
        return Next(claim, message, Message.Status.SENT, "sent", delivery=delivery)
    dead = None
    if outcome.address_is_dead:
        dead = Suppression(
            merchant_id=message.merchant_id,
            channel=delivery.channel,
            address=plain(delivery.channel, delivery.recipient),
            reason=Suppression.Reason.REFUSED,
            detail=delivery.error,
            created_at=at,
        )
    if outcome.result == Result.DEFERRED and not outcome.counts and at - message.created_at < LONGEST_OUTAGE:
        delivery.status = Delivery.Status.DEFERRED
        # Behind those that have not been tried: it is the circuit that waits longer and longer.
        again, error = at + WAITS[0], delivery.error
        return Next(claim, message, Message.Status.QUEUED, "deferred", error, again, untried=True, delivery=delivery)
    if outcome.result == Result.DEFERRED and claim.attempt < MOST_ATTEMPTS:
        delivery.status = Delivery.Status.DEFERRED
        wait = (WAITS_OF_THE_BUSY if outcome.is_busy else WAITS)[claim.attempt - 1]
        wait = min(max(wait, timedelta(seconds=outcome.retry_after or 0)), LONGEST_WAIT)
        return Next(
            claim, message, Message.Status.QUEUED, "deferred", delivery.error, at + wait, delivery=delivery, dead=dead
        )
    delivery.status = Delivery.Status.FAILED
    return _ended(claim, message, Message.Status.FAILED, delivery.error, at=at, delivery=delivery, dead=dead)


def storable(said: str, most: int) -> str:
    """What somebody outside said, as the database can keep it: without NUL characters and halves of letters."""
    return said.replace("\0", "").encode(errors="replace").decode()[:most]


def failed(claim: Claim, message: Message, reason: str, *, at: datetime, delivery: Delivery | None = None) -> Next:
    """A message that cannot be composed, or whose attempts are used up."""
    reason = storable(reason, 2000)
    if delivery is not None:
        delivery.status, delivery.error = Delivery.Status.FAILED, reason
    return _ended(claim, message, Message.Status.FAILED, reason, at=at, delivery=delivery)


def _ended(
    claim: Claim,
    message: Message,
    status: str,
    reason: str,
    *,
    at: datetime,
    delivery: Delivery | None = None,
    dead: Suppression | None = None,
    may_move: bool = True,
) -> Next:
    """The channel's last word; where there is a further channel, the message goes on with it."""
    if may_move and len(message.channels) > 1:
        return Next(
            claim,
            message,
            Message.Status.QUEUED,
            status,
            reason,
            next_attempt_at=at,
            afresh=True,
            moves=True,
            delivery=delivery,
            dead=dead,
        )
    return Next(claim, message, status, status, reason, delivery=delivery, dead=dead)


def delivery_of(claim: Claim, message: Message, address: str, *, at: datetime, locale: str = "") -> Delivery:
    """The row of this attempt, without its end."""
    return Delivery(
        merchant_id=message.merchant_id,
        message=message,
        customer_id=message.customer_id,
        code=message.code,
        channel=message.channel,
        locale=locale,
        recipient=address,
        attempt=claim.attempt,
        is_uncertain=claim.is_uncertain,
        created_at=at,
    )


@transaction.atomic(durable=True)
def record(nexts: Sequence[Next], *, at: datetime) -> int:
    """Write all of this down. Return how many messages were no longer this sender's: their lease had run out."""
    if not nexts:
        return 0
    Delivery.objects.bulk_create([each.delivery for each in nexts if each.delivery is not None])
    dead = [each.dead for each in nexts if each.dead is not None]
    if dead:
        Suppression.objects.bulk_create(dead, ignore_conflicts=True)
        devices.take_away(
            [
                (each.message.customer_id, each.dead.address)
                for each in nexts
                if each.dead and each.dead.channel == "push"
            ]
        )
    rows: list[dict[str, Any]] = [
        {
            "id": each.message.pk,
            "attempt": each.claim.attempt,
            "status": each.status,
            "error": each.error,
            "next_attempt_at": each.next_attempt_at,
            "afresh": each.afresh,
            "moves": each.moves,
            "untried": each.untried,
        }
        for each in nexts
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, {"rows": json.dumps(rows, cls=DjangoJSONEncoder), "at": at})
        ours = {row[0] for row in cursor.fetchall()}
    hooks.attempted(
        [
            _attempt(each, at)
            for each in nexts
            if each.message.nudge_id and each.said not in ("held", "untried") and each.message.pk in ours
        ]
    )
    return len(nexts) - len(ours)


def _attempt(each: Next, at: datetime) -> hooks.Attempt:
    assert each.message.nudge_id is not None  # noqa: S101 (asked for by the caller)
    provider_id = each.delivery.provider_id if each.delivery is not None else ""
    return hooks.Attempt(
        each.message.pk, each.message.nudge_id, each.message.channel, at, each.said, provider_id, each.error
    )
