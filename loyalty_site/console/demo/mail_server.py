"""The demo's mail server: takes every mail, keeps it as a file, and delivers to nobody."""

import asyncio
import logging
import signal
import socket
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from loyalty_site.ids import new_id

# More are not looked at.
MOST = 500


class Keeper:
    """aiosmtpd's handler: keeps the latest `most` mails in the folder."""

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        self.folder, self.most = folder, most

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        """Written aside and moved into place: whoever lists the folder sees whole mails."""
        draft = self.folder / f".{new_id()}"
        draft.write_bytes(envelope.content)
        # Ids sort by time.
        draft.rename(self.folder / f"{new_id()}.eml")
        for old in sorted(self.folder.glob("*.eml"))[: -self.most]:
            old.unlink(missing_ok=True)
        return "250 OK"


def serve(listener: socket.socket, folder: Path) -> None:
    """Take mail until SIGTERM or SIGINT."""
    # It logs whom each mail is for.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(listener, folder))


async def _serve(listener: socket.socket, folder: Path) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: SMTP(Keeper(folder), hostname="demo"), sock=listener)
    async with server:
        await ended.wait()
