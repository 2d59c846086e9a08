"""A till at the café's counter, one of another shop of the café, and one of the bookshop."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.http import keys
from loyalty_site.tenants.models import Store

STORE = "/api/v1/store/loyalty/"


class Till:
    """Calls of the store door with one key: till.post("cards/…/points", {...}, key="retry-1")."""

    def __init__(self, store: Store, scopes: tuple[str, ...] = ("store",)) -> None:
        self.store = store
        self.key, self.secret = keys.make(
            merchant=store.merchant, store=store, name="till", scopes=list(scopes), at=timezone.now()
        )
        self.client = Client(headers={"Authorization": f"Api-Key {self.secret}"}, raise_request_exception=False)

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> Any:
        given = {"Idempotency-Key": key} if key is not None else {}
        return self.client.post(STORE + path, body, content_type="application/json", headers={**given, **headers})

    def send(self, path: str, text: str | bytes) -> Any:
        """Post the text as it is."""
        return self.client.generic("POST", STORE + path, text, content_type="application/json")

    def get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self.client.get(STORE + path, query)


@pytest.fixture
def till(counter: Store) -> Till:
    return Till(counter)


@pytest.fixture
def bookshop_till(bookshop: Program) -> Till:
    return Till(Store.objects.create(merchant=bookshop.merchant, reference="shelf", name="Shelf"))


@pytest.fixture
def ana(program: Program) -> Member:
    """A member of the café by today's clock: the store door reads its own."""
    person = Person(external_ref="ana", first_name="Ana", email="ana@example.com", phone="+352621123456")
    return enroll(program=program, person=person, at=timezone.now()).member


@pytest.fixture
def card(ana: Member) -> str:
    return f"cards/{ana.card_number}"


@pytest.fixture
def earn(till: Till, card: str) -> Callable[..., Any]:
    """Ana earns 45 points: earn(), earn("12.00", order="W-2")."""

    def purchase(amount: str = "4.50", *, order: str = "W-1", **more: Any) -> Any:
        return till.post(f"{card}/points", {"amount": amount, "orderReference": order}, **more)

    return purchase


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a problem with this status and code."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["requestId"] == response["X-Request-Id"]
    return body
