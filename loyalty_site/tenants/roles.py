"""Which database role may do what: the owner migrates, the runtime role serves, the read-only role reads.

Ordinary tables are open to the runtime role. An app protects a table of its own in `AppConfig.ready`:

    roles.protect("loyalty_ledger_entries")
    roles.protect("loyalty_members", insert=True, update=["tier_id", "is_active"])
    roles.allow_function("ledger_post(jsonb, timestamptz)")

`migrate` and `setup_roles` bring the database in line with what was declared.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Protection:
    """What the runtime role may do to a protected table besides reading it."""

    table: str
    insert: bool | frozenset[str] = False
    update: frozenset[str] = frozenset()
    delete: bool = False


protected: dict[str, Protection] = {
    # What has been migrated is a fact that only a migration may write.
    "django_migrations": Protection("django_migrations"),
}
functions: set[str] = set()


def protect(
    table: str,
    *,
    insert: bool | Iterable[str] = False,
    update: Iterable[str] = (),
    delete: bool = False,
) -> None:
    """Let the runtime role only read `table`, insert rows if so said, and update the named columns.

    `insert` may name columns too; then PostgreSQL refuses an INSERT that lists any other. Rows can be locked with
    SELECT ... FOR NO KEY UPDATE where at least one column may be updated.
    """
    protected[table] = Protection(
        table,
        insert=insert if isinstance(insert, bool) else frozenset(insert),
        update=frozenset(update),
        delete=delete,
    )


def allow_function(signature: str) -> None:
    """Let the runtime role execute the function, given as PostgreSQL writes it: `name(type, type)`.

    The functions of the owner are open to nobody else unless they are named here; trigger functions need not be.
    """
    functions.add(signature)
