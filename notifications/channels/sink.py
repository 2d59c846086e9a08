"""Where messages go in development: into a file, a JSON line each, for a channel that has no provider."""

import json
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from notifications.channels.base import ChannelAdapter, Outcome, Outgoing, Result


class SinkOr:
    """A channel; without credentials, where settings name a folder (MESSAGE_SINK), a file in it."""

    def __init__(self, channel: str, adapter: ChannelAdapter) -> None:
        self.channel, self.adapter = channel, adapter

    def is_on(self) -> bool:
        """Whether messages go anywhere."""
        return self.adapter.is_on() or bool(settings.MESSAGE_SINK)

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over to the provider, or write them down."""
        if self.adapter.is_on():
            return self.adapter.send(batch)
        folder = Path(settings.MESSAGE_SINK)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{self.channel}.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(_line(outgoing) for outgoing in batch)
        return [Outcome(result=Result.SENT, provider_id=f"sink-{outgoing.delivery_id}") for outgoing in batch]


def _line(outgoing: Outgoing) -> str:
    said = {
        "at": timezone.now().isoformat(),
        "to": outgoing.address,
        "subject": outgoing.subject,
        "text": outgoing.text,
        "link": outgoing.link,
        "code": outgoing.code,
        "locale": outgoing.locale,
    }
    return json.dumps(said, ensure_ascii=False) + "\n"
