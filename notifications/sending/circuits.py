"""A provider that does not answer is left alone for a while, by all senders at once; other channels go on.

The state is a row, so that every worker knows. While the circuit is open nothing is claimed for the channel: its
messages keep their attempts. Then one sender tries one message; if the provider answers, all is well again.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import connection
from django.db.models import Q

from notifications.models import Circuit
from notifications.sending.recording import storable

# After the first, second, ... failure in a row.
PAUSES = [timedelta(seconds=seconds) for seconds in (60, 300, 1800)]
LONGEST_PAUSE = timedelta(hours=6)

_TRIP = """
INSERT INTO loyalty_message_circuits AS circuit (channel, failures, open_until, reason, changed_at)
VALUES (%(channel)s, 1, %(at)s::timestamptz + %(first)s, %(reason)s, %(at)s)
ON CONFLICT (channel) DO UPDATE SET
    failures = circuit.failures + 1,
    open_until = %(at)s::timestamptz + greatest(%(wait)s, CASE circuit.failures WHEN 0 THEN %(first)s
        WHEN 1 THEN %(second)s ELSE %(third)s END),
    reason = %(reason)s, changed_at = %(at)s
"""


class State(Enum):
    """What may be claimed for a channel: anything, nothing, or one message to try the provider with."""

    CLOSED = "closed"
    OPEN = "open"
    TRIAL = "trial"


def states(channels: list[str], *, at: datetime) -> dict[str, State]:
    """The state of each channel. A trial is given to one caller only."""
    found = dict.fromkeys(channels, State.CLOSED)
    for circuit in Circuit.objects.filter(channel__in=channels, failures__gt=0):
        found[circuit.channel] = State.TRIAL if _may_try(circuit.channel, at) else State.OPEN
    return found


def _may_try(channel: str, at: datetime) -> bool:
    """Whether it is time for a trial, and nobody else's: whoever gets it closes the door behind them for a minute."""
    due = Circuit.objects.filter(Q(open_until=None) | Q(open_until__lte=at), channel=channel, failures__gt=0)
    return bool(due.update(open_until=at + PAUSES[0]))


def trip(channel: str, *, at: datetime, reason: str, retry_after: float | None = None) -> None:
    """The provider did not answer. `retry_after`: the seconds it asked for itself."""
    first, second, third = PAUSES
    wait = min(timedelta(seconds=retry_after or 0), LONGEST_PAUSE)
    parameters: dict[str, Any] = {
        "channel": channel,
        "at": at,
        "reason": storable(reason, 2000),
        "wait": wait,
        "first": max(first, wait),
        "second": second,
        "third": third,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRIP, parameters)


def close(channel: str, *, at: datetime) -> None:
    """The provider answers."""
    Circuit.objects.filter(channel=channel, failures__gt=0).update(
        failures=0, open_until=None, reason="", changed_at=at
    )


def give_back_trial(channel: str, *, at: datetime) -> None:
    """There was nothing to try the provider with: the next message may."""
    Circuit.objects.filter(channel=channel, failures__gt=0).update(open_until=at)
