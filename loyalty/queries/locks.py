"""Which objects were read under a lock of the transaction under way: nobody needs to read those again."""

from typing import Any

from django.db import connection, transaction


class _Lock:
    """Stands in the list of what a transaction does after its commit, for as long as its locks are held.

    Django takes it from there at the commit, at a rollback, and at one to a savepoint before it. A block of `atomic`
    could not stand for its transaction: one that decorates a function is the same object at every call.
    """

    def __call__(self) -> None:
        pass


def mark(row: Any) -> None:
    """Note that this transaction holds the lock that the member, or redemption, was read under."""
    lock = _present()
    if lock is None:
        lock = _Lock()
        transaction.on_commit(lock)
    row.lock = lock


def _present() -> _Lock | None:
    """What stands for the locks of this transaction, or of its innermost savepoint: one for all, however many."""
    savepoints = set(connection.savepoint_ids)
    found = (each[1] for each in connection.run_on_commit if isinstance(each[1], _Lock) and each[0] == savepoints)
    return next(found, None)


def is_held(row: Any) -> bool:
    """Whether the transaction under way holds it."""
    lock = row.lock
    return lock is not None and any(each[1] is lock for each in connection.run_on_commit)
