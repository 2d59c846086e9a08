"""Text messages, through Twilio's REST API or one like it (www.twilio.com/docs/messaging/api/message-resource)."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence

import httpx2
from django.conf import settings

from notifications.channels import handing
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result

# What one message may have; longer ones are cut, as a bill for eleven parts helps nobody.
MAX_TEXT = 1600
# The number cannot be written to, now or later (www.twilio.com/docs/api/errors): no number, no mobile, not a phone that
# is there, a landline, and somebody who has answered STOP.
DEAD_NUMBERS = {21211, 21214, 21217, 21610, 21614, 30005, 30006}
# The account, not the message: no message would fare better.
_OF_THE_ACCOUNT = {20003, 20005, 20404, 21606, 21603, 21659, 21660, 30001, 30002}


class SmsChannel:
    """The adapter of text messages."""

    def __init__(self) -> None:
        self._client: httpx2.Client | None = None

    def is_on(self) -> bool:
        """Whether settings name an account and a sender."""
        return bool(settings.SMS_ACCOUNT and settings.SMS_TOKEN and settings.SMS_FROM)

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over the batch, some at a time."""
        if self._client is None:
            self._client = handing.provider_client()
        return handing.each(batch, self._send)

    def _send(self, outgoing: Outgoing) -> Outcome:
        assert self._client is not None  # noqa: S101 (made by `send`)
        address = f"{settings.SMS_URL}/2010-04-01/Accounts/{settings.SMS_ACCOUNT}/Messages.json"
        try:
            answer = self._client.post(address, data=_form(outgoing), auth=(settings.SMS_ACCOUNT, settings.SMS_TOKEN))
        except httpx2.HTTPError as error:
            raise handing.failed(error) from error
        return _outcome(answer)


def _form(outgoing: Outgoing) -> dict[str, str]:
    text = outgoing.text if len(outgoing.text) <= MAX_TEXT else outgoing.text[: MAX_TEXT - 1] + "…"
    form = {"To": outgoing.address, "Body": text}
    form["MessagingServiceSid" if settings.SMS_FROM.startswith("MG") else "From"] = settings.SMS_FROM
    if settings.PUBLIC_URL:
        form["StatusCallback"] = callback_url(str(outgoing.delivery_id))
    return form


def callback_url(delivery_id: str) -> str:
    """Where the provider reports what became of a message."""
    return f"{settings.PUBLIC_URL}/sms/status/{delivery_id}"


def _outcome(answer: httpx2.Response) -> Outcome:
    facts = handing.facts_of(answer)
    sid = facts.get("sid")
    # 201 says that it was taken, whatever else it says.
    if answer.status_code == 201 or (answer.is_success and isinstance(sid, str) and sid):
        return Outcome(result=Result.SENT, provider_id=handing.word(sid))
    if answer.status_code == 429 or answer.status_code >= 500:
        return handing.busy(answer.status_code, answer.headers)
    code = facts.get("code")
    known = isinstance(code, int)
    if answer.status_code in (401, 403) or (known and code in _OF_THE_ACCOUNT):
        raise ChannelDown(f"The provider answers {answer.status_code}{f' (code {code})' if known else ''}.")
    if answer.is_success or not known:
        # A page of somebody in between, or an address that is not the provider's: nobody has said no to the message.
        raise ChannelDown(f"The provider answers {answer.status_code} with something else than its JSON.")
    # Its text repeats the number: the code says as much.
    return Outcome(
        result=Result.REFUSED, error=f"The provider refuses it: code {code}.", address_is_dead=code in DEAD_NUMBERS
    )


def is_signed(signature: str, *, url: str, form: Mapping[str, Sequence[str]]) -> bool:
    """Whether X-Twilio-Signature is of this address and form (www.twilio.com/docs/usage/security).

    HMAC-SHA1 of the address as it was called and, by name, each field's name and value, with the account's token.
    """
    signed = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    made = hmac.new(settings.SMS_TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
    # As bytes: a header may hold any letter, and texts with others than ASCII's cannot be compared.
    return bool(settings.SMS_TOKEN) and hmac.compare_digest(b64encode(made), signature.encode(errors="replace"))
