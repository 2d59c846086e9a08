"""The cast of the tests: the café and its counter, Alice who belongs there, the bookshop the café must never see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from loyalty.models import ExpiryPolicy, LedgerEntry, Member, Program
from loyalty.operations import enrollment, points
from loyalty.operations.enrollment import Person
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make_merchant(slug: str, **rules: Any) -> Program:
    """A merchant with a program of these rules: ten points a unit unless said otherwise."""
    merchant = Merchant.objects.create(slug=slug, name=slug.title())
    given = {"currency": "EUR", "points_per_unit": Decimal(10), "name": f"{slug.title()} club"}
    return Program.objects.create(merchant=merchant, **(given | rules))


def make_member(program: Program, name: str, at: datetime = NOON) -> Member:
    """An enrolled member known by this customer number."""
    person = Person(external_ref=name, first_name=name.title(), email=f"{name}@example.com")
    return enrollment.enroll(program=program, person=person, at=at).member


@pytest.fixture
def noon() -> datetime:
    """The clock."""
    return NOON


@pytest.fixture
def program(db: None) -> Program:
    """The café's program."""
    return make_merchant("cafe")


@pytest.fixture
def cafe(program: Program) -> Merchant:
    return program.merchant


@pytest.fixture
def counter(cafe: Merchant) -> Store:
    return Store.objects.create(merchant=cafe, reference="counter", name="Counter")


@pytest.fixture
def alice(program: Program) -> Member:
    return make_member(program, "alice")


@pytest.fixture
def bookshop(db: None) -> Program:
    """Another merchant's program: lots of 90 days."""
    return make_merchant("bookshop", expiry_policy=ExpiryPolicy.LOTS, points_valid_days=90)


@pytest.fixture
def bookworm(bookshop: Program) -> Member:
    return make_member(bookshop, "bookworm")


@pytest.fixture
def buy(alice: Member, counter: Store, noon: datetime) -> Callable[..., LedgerEntry]:
    """Alice buys for 4.50: buy(), buy("12.00"), buy(order="W-2", days=3)."""

    def purchase(amount: str = "4.50", *, order: str = "W-1001", days: float = 0, **more: Any) -> LedgerEntry:
        return points.earn(
            member=more.pop("member", alice),
            store=more.pop("store", counter),
            amount=Decimal(amount),
            order_reference=order,
            at=noon + timedelta(days=days),
            **more,
        )

    return purchase


@contextmanager
def refused(refusal: type[Refusal]) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """The block is refused like this; what it did is rolled back, and the test can look at what is left."""
    with pytest.raises(refusal) as caught, transaction.atomic():
        yield caught
