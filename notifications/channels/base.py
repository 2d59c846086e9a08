"""What a channel is: a way to hand a batch of composed messages to a provider, outside any transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One composed message to one address.

    `delivery_id` stands for this attempt, and is what a provider is given to name it by. `address` is what the channel
    sends to: an e-mail address, a number in E.164, a device's token, or a browser's subscription as JSON.
    """

    delivery_id: UUID
    merchant_id: UUID
    address: str
    subject: str
    text: str
    html: str = ""
    locale: str = "en"
    sender_name: str = ""
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    # For a push: where a tap leads.
    link: str = ""


class Result(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    # The provider may take it later: tried again.
    DEFERRED = "deferred"
    # It never will: an address that does not exist, a message it refuses.
    REFUSED = "refused"
    # It was not handed over for lack of time: it goes with a batch soon, and has lost no attempt.
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the provider said of one message. `retry_after` is in seconds; `error` holds no address."""

    result: Result
    provider_id: str = ""
    error: str = ""
    retry_after: float | None = None
    # The address itself is dead (a bounce, an unregistered device): it is not tried for other messages either.
    address_is_dead: bool = False
    # Deferred with a 429 or 5xx: the waits before another try grow longer.
    is_busy: bool = False
    # Whether the message has lost a try. None is lost where the provider was not there for anybody.
    counts: bool = True


class ChannelDown(Exception):
    """The provider as a whole does not answer: nothing was sent, and asking for more messages is pointless for now."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ChannelAdapter(Protocol):
    """A provider, spoken to. One instance a process; `send` is called from one thread at a time."""

    def is_on(self) -> bool:
        """Whether there are credentials. A channel that is off is skipped, and says so in the system checks."""

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over the batch; one outcome each, in order. Raises `ChannelDown` where the provider is not there."""


_makers: dict[str, Callable[[], ChannelAdapter]] = {}
_adapters: dict[str, ChannelAdapter] = {}


def register(channel: str, maker: Callable[[], ChannelAdapter]) -> None:
    """Have `maker` make the adapter of a channel when it is first needed; called from `AppConfig.ready`."""
    _makers[channel] = maker
    _adapters.pop(channel, None)


def adapter_for(channel: str) -> ChannelAdapter | None:
    """The channel's adapter; None where nobody registered one."""
    if channel not in _adapters and channel in _makers:
        _adapters[channel] = _makers[channel]()
    return _adapters.get(channel)
