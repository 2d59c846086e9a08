from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections

from tests.databases import OwnDatabase


@pytest.fixture
def owner(modules_database: OwnDatabase) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection; two tables are there, empty, and no connection of another test."""
    connections.close_all()
    with psycopg.connect(modules_database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL)")
        owner.execute("CREATE TABLE remarks (note int REFERENCES notes DEFERRABLE INITIALLY DEFERRED)")
        owner.execute("GRANT ALL ON notes, remarks TO PUBLIC")
        yield owner
        connections.close_all()
        owner.execute("DROP TABLE notes, remarks")
