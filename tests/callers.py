"""An operator's back end and a member, at the door they share."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from loyalty.models import Member
from loyalty_site.http import authentication, keys, tokens
from loyalty_site.tenants.models import Merchant, Store

LOYALTY = "/api/v1/loyalty/"


class Caller:
    """Calls with one credential: caller.get("ledger", limit=5), caller.post("erase", {}, key="once")."""

    def __init__(self, **headers: str) -> None:
        self.client = Client(headers=headers, raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(LOYALTY + path, query)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.client.post(LOYALTY + path, body or {}, content_type="application/json", headers=headers)

    def put(self, path: str, body: Any) -> Any:
        return self.client.put(LOYALTY + path, body, content_type="application/json")


def operator_of(merchant: Merchant, scope: str = "operator", store: Store | None = None) -> Caller:
    """A back end with a key of the merchant."""
    _, text = keys.make(merchant=merchant, store=store, name="back end", scopes=[scope], at=timezone.now())
    return Caller(Authorization=f"Api-Key {text}")


def signed_in(merchant: Merchant, user_id: UUID) -> Caller:
    """The storefront's own customer with this id, with a token."""
    text, _ = tokens.issue(merchant_id=merchant.pk, user_id=user_id, at=timezone.now())
    return Caller(Authorization=f"Bearer {text}")


def at_the_hub(member: Member, **more: Any) -> Client:
    """The member's browser after they signed in at the hub."""
    session = SessionStore()
    session[authentication.SESSION_MERCHANT] = str(member.merchant_id)
    session[authentication.SESSION_CUSTOMER] = str(member.customer_id)
    session.create()
    client = Client(raise_request_exception=False, **more)
    client.cookies["sessionid"] = session.session_key
    return client


@pytest.fixture
def operator(cafe: Merchant) -> Caller:
    """The café's back end; its key belongs to no store."""
    return operator_of(cafe)


@pytest.fixture
def me(ana: Member) -> Caller:
    """Ana, with a token."""
    return signed_in(ana.merchant, ana.customer.user_id)


@pytest.fixture
def act(ana: Member, counter: Store) -> Callable[..., Any]:
    """An operation of the counter on Ana, now: act(points.award, type=..., ...)."""
    return lambda operation, **facts: operation(member=ana, at=timezone.now(), **facts)
