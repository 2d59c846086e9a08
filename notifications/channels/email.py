"""E-mail: through any of django-anymail's providers, SMTP, files or the console, as settings say.

One connection, or one HTTP session, serves a whole batch. Every attempt of a message carries the same Message-ID, so
that mail programs show a message that had to be sent again once. A provider's own batch calls are not used: they take
one body with blanks, and each of our messages is written in its recipient's language from its merchant's template.
"""

import logging
import re
import smtplib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import formataddr
from typing import Any

from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
)
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications import outbound
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result

logger = logging.getLogger(__name__)

# A batch ends after so long, well inside the lease of its claims, however slowly the server answers.
SECONDS_A_BATCH = 120.0

DUMMY = "django.core.mail.backends.dummy.EmailBackend"
# The mailbox does not exist, or cannot be written so (RFC 5321, 4.2.3; RFC 3463, X.1.X).
_DEAD_CODES = {550, 551, 553}
_DEAD_STATUS = re.compile(r"\b5\.1\.[0-9]+\b")
_OTHER_STATUS = re.compile(r"\b[45]\.[0-9]+\.[0-9]+\b")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
# What a provider answers when it does not know us: no message would fare better.
_NOT_LET_IN = {401, 403, 407}
# The same of an SMTP server: it wants a login, or does not take ours (RFC 4954, 6).
_NO_LOGIN = {530, 534, 535, 538}
_TOO_LARGE = 552


class EmailChannel:
    """The adapter of e-mail. What a batch has no time left for within `seconds` comes back untried."""

    def __init__(self, seconds: float = SECONDS_A_BATCH) -> None:
        self.seconds = seconds

    def is_on(self) -> bool:
        """Whether settings name a way to send."""
        return bool(settings.EMAIL_BACKEND != DUMMY)

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send one after the other. Raises `ChannelDown` where the first cannot be handed over at all.

        Where the provider goes away later, the rest is deferred: what was sent is known to be.
        """
        outcomes: list[Outcome] = []
        connection = get_connection()
        ends_at = time.monotonic() + self.seconds
        try:
            _open(connection)
            for outgoing in batch:
                if outcomes and time.monotonic() >= ends_at:
                    outcomes += [Outcome(result=Result.UNTRIED)] * (len(batch) - len(outcomes))
                    break
                outcomes.append(_send_over(connection, outgoing, is_first=not outcomes))
        except ChannelDown as down:
            if not outcomes:
                raise
            lost = Outcome(result=Result.DEFERRED, error=str(down), retry_after=down.retry_after, is_busy=True)
            outcomes += [lost] * (len(batch) - len(outcomes))
        finally:
            _close(connection)
        return outcomes


def _send_over(connection: Any, outgoing: Outgoing, *, is_first: bool) -> Outcome:
    try:
        return _send(connection, outgoing)
    except ChannelDown:
        if is_first:
            raise
    except Exception as error:
        # Some addresses make the parser of the standard library stumble: that is this mail's fault, and no other's.
        name = type(error).__name__
        logger.error("A mail of %s cannot be written: %s", outgoing.code, name)  # noqa: TRY400 (it may name a person)
        _close(connection)
        _open(connection)
        return Outcome(result=Result.REFUSED, error=f"The mail cannot be written: {name}.")
    # Many servers hang up after so many messages, and take the rest over another connection.
    _close(connection)
    _open(connection)
    return _send(connection, outgoing)


def _open(connection: Any) -> None:
    try:
        connection.open()
    except (smtplib.SMTPException, OSError) as error:
        raise ChannelDown(_said(error)) from error


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        # What was sent stays sent.
        return


def _send(connection: Any, outgoing: Outgoing) -> Outcome:
    message = message_of(outgoing)
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()), (550, b""))
        if code in _NO_LOGIN:
            raise ChannelDown(f"{code} {without_addresses(_text(text))}"[:1000]) from error
        return _refused(code, _text(text))
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelDown(_said(error)) from error
    except smtplib.SMTPServerDisconnected as error:
        raise ChannelDown(_said(error)) from error
    except smtplib.SMTPResponseException as error:
        if error.smtp_code == 421 or _is_of_the_sender(error):
            raise ChannelDown(_said(error)) from error
        return _refused(error.smtp_code, _text(error.smtp_error), of_the_address=False)
    except AnymailRecipientsRefused:
        return Outcome(result=Result.REFUSED, error="The provider refuses the address.", address_is_dead=True)
    except AnymailAPIError as error:
        return _of_provider(error)
    except AnymailInvalidAddress:
        return Outcome(result=Result.REFUSED, error="This is no e-mail address.", address_is_dead=True)
    except AnymailError as error:
        return Outcome(result=Result.REFUSED, error=_said(error))
    except (smtplib.SMTPException, OSError) as error:
        raise ChannelDown(_said(error)) from error
    except ValueError as error:
        # Django's own: an address or a header that cannot be written.
        return Outcome(result=Result.REFUSED, error=_said(error))
    said = getattr(message, "anymail_status", None)
    # One recipient a mail: what is said of the first is said of all.
    of_each = list(said.recipients.values()) if said is not None and said.recipients else []
    provider_id = next((each.message_id for each in of_each if each.message_id), None)
    return Outcome(result=Result.SENT, provider_id=str(provider_id or message.extra_headers.get("Message-ID", "")))


def message_of(outgoing: Outgoing) -> EmailMultiAlternatives:
    """The mail as Django knows it. The merchant's name is the sender's; the address is the platform's."""
    name = " ".join(outgoing.sender_name.split())
    message = EmailMultiAlternatives(
        subject=" ".join(outgoing.subject.split()),
        body=outgoing.text,
        from_email=formataddr((name, settings.DEFAULT_FROM_EMAIL)) if name else settings.DEFAULT_FROM_EMAIL,
        to=[outgoing.address],
        headers=dict(outgoing.headers),
    )
    if outgoing.html:
        message.attach_alternative(outgoing.html, "text/html")
    # For anymail's providers; others do not look.
    message.metadata = {"delivery_id": str(outgoing.delivery_id)}  # type: ignore[attr-defined]
    message.tags = [outgoing.code]  # type: ignore[attr-defined]
    return message


def _is_of_the_sender(error: smtplib.SMTPResponseException) -> bool:
    """Whether the server says no to us, and would to any other mail: to the sender's address, or without a login."""
    of_sender = (
        isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code >= 500 and error.smtp_code != _TOO_LARGE
    )
    return of_sender or error.smtp_code in _NO_LOGIN


def _refused(code: int, text: str, *, of_the_address: bool = True) -> Outcome:
    """What an SMTP server's code means: 4xx later, 5xx never."""
    error = f"{code} {without_addresses(text)}".strip()[:1000]
    if 400 <= code < 500:
        return Outcome(result=Result.DEFERRED, error=error, is_busy=code == 421)
    says_otherwise = _OTHER_STATUS.search(text) is not None and _DEAD_STATUS.search(text) is None
    is_dead = of_the_address and code in _DEAD_CODES and not says_otherwise
    return Outcome(result=Result.REFUSED, error=error, address_is_dead=is_dead)


def _of_provider(error: AnymailAPIError) -> Outcome:
    code = error.status_code
    if code is None:
        # No answer at all.
        raise ChannelDown(_said(error.__cause__ or error)) from error
    if code in _NOT_LET_IN:
        raise ChannelDown(f"The provider answers {code}.") from error
    retry_after = _retry_after(error)
    text = f"The provider answers {code}."
    if code == 429 or code >= 500:
        return Outcome(result=Result.DEFERRED, error=text, retry_after=retry_after, is_busy=True)
    return Outcome(result=Result.REFUSED, error=f"{text} {without_addresses(_answer(error))}".strip()[:1000])


def _answer(error: AnymailAPIError) -> str:
    try:
        return str(error.response.text)[:800]
    except AttributeError:
        return ""


def _retry_after(error: AnymailAPIError) -> float | None:
    return outbound.retry_after(error.response.headers, now=datetime.now(UTC)) if error.response is not None else None


def _said(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {without_addresses(_text(error.smtp_error))}".strip()[:1000]
    return f"{type(error).__name__}: {without_addresses(str(error))}"[:1000]


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def without_addresses(text: str) -> str:
    """What somebody outside said, with no address in it."""
    return _ADDRESS.sub("<address>", text)
