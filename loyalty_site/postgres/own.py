"""The connection of this thread."""

from asyncio import _get_running_loop
from threading import local

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_own = local()


def own_connection() -> BaseDatabaseWrapper:
    """The very object that `django.db.connection` stands for, at a tenth of the cost: for what every change runs.

    A thread keeps it for as long as it lives, closed or open.
    """
    # Below an event loop, as a browser's driver runs one in the thread of a test, Django has another for each task.
    if _get_running_loop() is not None:
        return connections[DEFAULT_DB_ALIAS]
    try:
        database: BaseDatabaseWrapper = _own.database
    except AttributeError:
        database = _own.database = connections[DEFAULT_DB_ALIAS]
    return database
