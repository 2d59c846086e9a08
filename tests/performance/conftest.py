"""Crowds for plans and counts: loaded in SQL, looked at with EXPLAIN. Nothing here is timed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import transaction

from loyalty.models import Program
from tests.bench import people
from tests.cast import make_merchant
from tests.databases import OwnDatabase
from tests.performance.crowds import load

MakeCrowd = Callable[..., Program]


@pytest.fixture
def make_crowd(own_database: OwnDatabase) -> Iterator[MakeCrowd]:
    """Make a program with members, analysed as a live one: `make_crowd(people.Crowd(members=100_000, ..), **rules)`."""
    with _maker(own_database) as make:
        yield make


@pytest.fixture(scope="module")
def make_modules_crowd(modules_database: OwnDatabase) -> Iterator[MakeCrowd]:
    """`make_crowd` once for all tests of a module, which take the crowd from a fixture that undoes what they write."""
    with _maker(modules_database) as make:
        yield make


@contextmanager
def _maker(database: OwnDatabase) -> Iterator[MakeCrowd]:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:

        def make(crowd: people.Crowd, **rules: Any) -> Program:
            program = make_merchant("crowd", **rules)
            load(owner, program, 1, crowd)
            owner.execute("VACUUM ANALYZE")
            return program

        yield make


@pytest.fixture
def undone(modules_database: OwnDatabase) -> Iterator[None]:
    """What the test writes to the module's database is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
