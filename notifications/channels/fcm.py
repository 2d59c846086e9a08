"""Pushes to apps, through Firebase Cloud Messaging (HTTP v1: firebase.google.com/docs/reference/fcm/rest/v1)."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from notifications.channels import handing
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
# An access token is renewed so long before it ends.
_MARGIN = 120.0


@dataclass(frozen=True)
class Account:
    """A Google service account. `key` is parsed once: parsing costs a hundred times a signature."""

    project: str
    email: str
    key: Any
    key_id: str
    token_url: str


class BadCredentials(ValueError):
    """FCM_CREDENTIALS is not the JSON of a service account."""


@lru_cache(maxsize=4)
def account(credentials: str) -> Account:
    """The account that the JSON of its key file describes. Raises `BadCredentials`."""
    try:
        facts = json.loads(credentials)
        return Account(
            project=str(facts["project_id"]),
            email=str(facts["client_email"]),
            key=load_pem_private_key(facts["private_key"].encode(), None),
            key_id=str(facts.get("private_key_id", "")),
            token_url=str(facts.get("token_uri") or _TOKEN_URL),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadCredentials("FCM_CREDENTIALS is not the JSON of a service account.") from error


class FcmChannel:
    """The adapter of pushes to apps."""

    def __init__(self) -> None:
        self._client: httpx2.Client | None = None
        self._lock = threading.Lock()
        self._token, self._token_ends_at = "", 0.0

    def is_on(self) -> bool:
        """Whether settings hold a service account."""
        try:
            return bool(settings.FCM_CREDENTIALS and account(settings.FCM_CREDENTIALS))
        except BadCredentials:
            return False

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over the batch, some at a time."""
        if self._client is None:
            self._client = handing.provider_client()
        return handing.each(batch, self._send)

    def _send(self, outgoing: Outgoing) -> Outcome:
        project = account(settings.FCM_CREDENTIALS).project
        address = f"{settings.FCM_URL}/v1/projects/{project}/messages:send"
        for is_last in (False, True):
            token = self._access_token()
            answer = self._post(address, json=_message(outgoing), headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 401 or is_last:
                break
            # Taken back before its time: a new one, once.
            self._forget(token)
        return _outcome(answer)

    def _access_token(self) -> str:
        """A token of today's account, asked for once an hour by whoever comes first."""
        with self._lock:
            if time.monotonic() < self._token_ends_at:
                return self._token
            known, now = account(settings.FCM_CREDENTIALS), int(time.time())
            claims = {"iss": known.email, "scope": _SCOPE, "aud": known.token_url, "iat": now, "exp": now + 3600}
            assertion = jwt.encode(claims, known.key, algorithm="RS256", headers={"kid": known.key_id})
            answer = self._post(known.token_url, data={"grant_type": _GRANT, "assertion": assertion})
            facts = handing.facts_of(answer)
            token, life = facts.get("access_token"), facts.get("expires_in")
            if not answer.is_success or not isinstance(token, str) or not isinstance(life, int | float):
                raise ChannelDown(f"Google gives no access token: it answers {answer.status_code}.")
            self._token, self._token_ends_at = token, time.monotonic() + max(life - _MARGIN, 0)
            return token

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token_ends_at = 0.0

    def _post(self, address: str, **what: Any) -> httpx2.Response:
        assert self._client is not None  # noqa: S101 (made by `send`)
        try:
            return self._client.post(address, **what)
        except httpx2.HTTPError as error:
            raise handing.failed(error) from error


def _message(outgoing: Outgoing) -> dict[str, Any]:
    data = {"delivery_id": str(outgoing.delivery_id), "code": outgoing.code, "link": outgoing.link}
    message: dict[str, Any] = {
        "token": outgoing.address,
        "notification": {"title": outgoing.subject, "body": outgoing.text},
        "data": {name: value for name, value in data.items() if value},
    }
    return {"message": message}


def _outcome(answer: httpx2.Response) -> Outcome:
    facts = handing.facts_of(answer)
    name = facts.get("name")
    if answer.is_success and isinstance(name, str) and name:
        return Outcome(result=Result.SENT, provider_id=handing.word(name))
    if answer.status_code == 429 or answer.status_code >= 500:
        return handing.busy(answer.status_code, answer.headers)
    error = facts.get("error")
    if not isinstance(error, dict):
        raise ChannelDown(f"The provider answers {answer.status_code} with something else than its JSON.")
    code = _code(error)
    if code == "SENDER_ID_MISMATCH":
        # Of another project: more likely our credentials are the wrong ones than that the device is gone.
        return Outcome(result=Result.REFUSED, error=f"The device belongs to another project: {code}.")
    if code == "UNREGISTERED" or _is_about_the_token(error, code):
        return Outcome(result=Result.REFUSED, error=f"The device is not registered: {code}.", address_is_dead=True)
    if code == "INVALID_ARGUMENT":
        return Outcome(result=Result.REFUSED, error="The provider refuses it: INVALID_ARGUMENT.")
    # Rights, keys, the project: no message would fare better.
    raise ChannelDown(f"The provider answers {answer.status_code}: {code}.")


def _code(error: dict[str, Any]) -> str:
    """FCM's own code among the details, else the general one."""
    for detail in error.get("details") or []:
        if isinstance(detail, dict) and isinstance(detail.get("errorCode"), str):
            return handing.word(detail["errorCode"])
    return handing.word(error.get("status"))


def _is_about_the_token(error: dict[str, Any], code: str) -> bool:
    return code == "INVALID_ARGUMENT" and "registration token" in str(error.get("message", "")).lower()
