"""Crowds for plans and counts: loaded in SQL, looked at with EXPLAIN. Nothing here is timed."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from loyalty.models import Program
from tests.bench import people
from tests.cast import make_merchant

MakeCrowd = Callable[..., Program]


@pytest.fixture
def make_crowd(own_database: Any, owner_connection: "psycopg.Connection[Any]") -> MakeCrowd:
    """Make a program with members, analysed as a live one: `make_crowd(people.Crowd(members=100_000, ..), **rules)`."""

    def make(crowd: people.Crowd, **rules: Any) -> Program:
        program = make_merchant("crowd", **rules)
        loaded = ("loyalty_members", "loyalty_ledger_entries")
        with owner_connection.transaction():
            for table in loaded:
                owner_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            people.load(owner_connection, program, 1, crowd)
        with owner_connection.transaction():
            for table in loaded:
                owner_connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
        owner_connection.execute("VACUUM ANALYZE")
        return program

    return make
