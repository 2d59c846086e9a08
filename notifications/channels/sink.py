"""Where messages go in development: into a file, a JSON line each, for a channel that has no provider."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from notifications.channels.base import ChannelAdapter, Outcome, Outgoing, Result

# Some hundreds of messages.
_END_BYTES = 256 * 1024


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
        file_name = _file_of(self.channel)
        file_name.parent.mkdir(parents=True, exist_ok=True)
        with file_name.open("a", encoding="utf-8") as file:
            file.writelines(_line(outgoing) for outgoing in batch)
        return [Outcome(result=Result.SENT, provider_id=f"sink-{outgoing.delivery_id}") for outgoing in batch]


def latest(channel: str, count: int) -> list[dict[str, Any]]:
    """What was written down last for this channel, newest first: at, to, subject, text, link, code, locale.

    Reads the end of the file alone, however long it has grown.
    """
    if not settings.MESSAGE_SINK:
        return []
    try:
        with _file_of(channel).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    if size > _END_BYTES:
        # It began in the middle of a line.
        del lines[0]
    return [_read(line) for line in reversed(lines[-count:])]


def _read(line: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(line)
    return {**said, "at": datetime.fromisoformat(said["at"])}


def _file_of(channel: str) -> Path:
    return Path(settings.MESSAGE_SINK) / f"{channel}.jsonl"


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
