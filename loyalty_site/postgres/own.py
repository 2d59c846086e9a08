"""The connection of this thread."""

from asyncio import _get_running_loop
from threading import local

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


class _Own(local):
    # Once for each thread, when it first asks.
    def __init__(self) -> None:
        self.database: BaseDatabaseWrapper = connections[DEFAULT_DB_ALIAS]


_own = _Own()


def own_connection() -> BaseDatabaseWrapper:
    """The very object that `django.db.connection` stands for, at a tenth of the cost: for what every change runs.

    A thread keeps it for as long as it lives, closed or open.
    """
    # Below an event loop, as a browser's driver runs one in the thread of a test, Django has another for each task.
    return connections[DEFAULT_DB_ALIAS] if _get_running_loop() is not None else _own.database
