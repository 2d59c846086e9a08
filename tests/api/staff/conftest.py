"""Staff of the café, each with a token; the bookshop has people of its own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from loyalty_site.http import keys
from loyalty_site.tenants.models import Merchant, Role, StaffRole, User

DOOR = "/api/v1/admin/loyalty/"


class Staff:
    """Somebody with a staff token, at the admin door."""

    def __init__(self, user: User) -> None:
        self.user = user
        _, text = keys.make_staff_token(user=user, name="tests", at=datetime.now(UTC))
        self.client = Client(headers={"Authorization": f"Bearer {text}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(DOOR + path, query)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else None
        return self._send("POST", path, {} if body is None else body, headers)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path, {})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        return self.client.generic(method, DOOR + path, json.dumps(body), "application/json", headers=headers)


def staff_of(merchant: Merchant | None, role: str) -> Staff:
    """A new member of staff with this role; the platform's people have no merchant."""
    user = User.objects.create_user(f"{role}@{merchant.slug if merchant else 'platform'}.example", "a long password")
    StaffRole.objects.create(user=user, merchant=merchant, role=role)
    return Staff(user)


@pytest.fixture
def hire(cafe: Merchant) -> Callable[..., Staff]:
    """Somebody new: hire("cashier"), hire("owner", at=bookshop.merchant)."""
    return lambda role, at=cafe: staff_of(at, role)


@pytest.fixture
def owner(cafe: Merchant) -> Staff:
    return staff_of(cafe, Role.OWNER)


@pytest.fixture
def manager(cafe: Merchant) -> Staff:
    return staff_of(cafe, Role.MANAGER)


@pytest.fixture
def cashier(cafe: Merchant) -> Staff:
    return staff_of(cafe, Role.CASHIER)


@pytest.fixture
def analyst(cafe: Merchant) -> Staff:
    return staff_of(cafe, Role.ANALYST)


@pytest.fixture
def platform(db: None) -> Staff:
    return staff_of(None, Role.PLATFORM)
