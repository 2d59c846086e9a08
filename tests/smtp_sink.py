"""A real mail server on this machine, which keeps what it is sent and refuses what it is told to."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sink:
    """The mails so far, and how the server answers.

    `refuses` maps an address to what RCPT answers ("550 5.1.1 no such user"); `says` is what DATA answers, if not OK,
    and `to_sender` what MAIL FROM does. `on_mail` is called with each mail before it is accepted.
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    to_sender: str = ""
    on_mail: Callable[[EmailMessage], None] = lambda mail: None
    lock: Any = field(default_factory=threading.Lock)
    sessions: int = 0

    @property
    def url(self) -> str:
        """As EMAIL_URL takes it."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        """Who got a mail, in order."""
        return [str(mail["To"]) for mail in self.mails]

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to one address."""
        return [mail for mail in self.mails if mail["To"] == address]

    def wait_for(self, count: int, seconds: float = 30) -> None:
        """Wait until so many mails have come."""
        end = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < end, f"{len(self.mails)} of {count} mails have come"
            time.sleep(0.02)

    # --- aiosmtpd's handler ---------------------------------------------------------------------------------------
    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.to_sender:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.on_mail(mail)
        with self.lock:
            if self.says:
                return self.says.pop(0)
            self.mails.append(mail)
        return "250 OK"


def body(mail: EmailMessage, kind: str = "plain") -> str:
    """The text of a mail, or its HTML."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def smtp() -> Iterator[Sink]:
    """A mail server that runs for the time of a test."""
    sink = Sink(free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    yield sink
    controller.stop()


@pytest.fixture
def mail(smtp: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """The mail server, with e-mail set up to go there, in child processes too."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp.port
    settings.PUBLIC_URL = "https://loyalty.example"
    monkeypatch.setenv("EMAIL_URL", smtp.url)
    monkeypatch.setenv("PUBLIC_URL", "https://loyalty.example")
    return smtp
