"""Pushes: to apps and to browsers, told apart by their addresses."""

from collections.abc import Sequence

from notifications.channels import handing
from notifications.channels.base import ChannelAdapter, ChannelDown, Outcome, Outgoing, Result
from notifications.channels.fcm import FcmChannel
from notifications.channels.webpush import WebPushChannel, is_subscription


class PushChannel:
    """The adapter of pushes."""

    def __init__(self) -> None:
        self.to_apps, self.to_browsers = FcmChannel(), WebPushChannel()

    def is_on(self) -> bool:
        """Whether one of the two is."""
        return self.to_apps.is_on() or self.to_browsers.is_on()

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Each to where it belongs. Raises `ChannelDown` where nothing of the batch could be handed over."""
        outcomes: dict[int, Outcome] = {}
        down: list[ChannelDown] = []
        for adapter, for_browsers in ((self.to_apps, False), (self.to_browsers, True)):
            places = [place for place, each in enumerate(batch) if is_subscription(each.address) is for_browsers]
            if not places:
                continue
            try:
                found = _send(adapter, [batch[place] for place in places])
            except ChannelDown as error:
                down.append(error)
                found = [handing.deferred(error)] * len(places)
                if len(places) == len(batch):
                    raise
            outcomes.update(zip(places, found, strict=True))
        if len(down) == 2:
            raise down[0]
        return [outcomes[place] for place in range(len(batch))]


def _send(adapter: ChannelAdapter, batch: Sequence[Outgoing]) -> list[Outcome]:
    if adapter.is_on():
        return adapter.send(batch)
    off = Outcome(result=Result.REFUSED, error="Pushes to this kind of device are off.")
    return [off] * len(batch)
