"""Who is calling."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty_site.http.secrets import digest
from loyalty_site.lateral import Reading, followed, row_of_second
from loyalty_site.prepared import run
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant, StaffRole, Store, User


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of a subject this minute: how many are allowed, how many there were, seconds until counting begins anew."""

    limit: int
    calls: int
    resets_in: int

    @property
    def exceeded(self) -> bool:
        return self.calls > self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.calls)


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential that was presented and found good.

    `name` stands for it where answers and counts are kept. A key has a merchant and scopes, perhaps a store; a member
    token a merchant and the customer's `user_id`; a session or staff token a `user`.
    """

    name: str
    merchant: Merchant | None = None
    store: Store | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    user_id: UUID | None = None
    user: User | None = None
    usage: Usage | None = None

    # DRF asks these of whatever stands in request.user.
    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def is_active(self) -> bool:
        return True

    @property
    def pk(self) -> str:
        return self.name


def admit_key(
    text: str, *, limit: int, reading: Reading | None = None, meanwhile: Callable[[], None] | None = None
) -> tuple[Caller, tuple[Any, ...] | None] | None:
    """The caller with this API key, its call counted; None for a key that is unknown, revoked or expired.

    With it comes the row of `reading`, a SELECT of one row at most in which `caller` is who calls, of columns
    `merchant_id`, `store_id` and `scopes`. It is not run for a caller over the limit, and may not lock anything.
    `meanwhile` is done while PostgreSQL looks.
    """
    statement, parameters = "SELECT * FROM http_admit_key_v1(%s, %s)", [digest(text), limit]
    if reading is not None:
        second, values = reading
        statement = followed("http_admit_key_v1(%s, %s) caller", second, "caller.calls <= %s")
        parameters += [*values, limit]
    rows = run(statement, parameters, meanwhile=meanwhile)
    if not rows:
        return None
    [(key_id, merchant_id, slug, merchant_name, store_id, store_name, scopes, calls, resets_in, *read)] = rows
    merchant, store = _belongings(merchant_id, slug, merchant_name, store_id, store_name)
    caller = Caller(
        name=f"key:{key_id}",
        merchant=merchant,
        store=store,
        scopes=frozenset(scopes),
        usage=Usage(limit, calls, resets_in),
    )
    return caller, row_of_second(read)


@lru_cache(1024)
def _belongings(
    merchant_id: UUID, slug: str, merchant_name: str, store_id: UUID | None, store_name: str | None
) -> tuple[Merchant, Store | None]:
    """Whose key it is. As long as nothing of it changes in the database these are the same objects, to be read."""
    merchant = Merchant(id=merchant_id, slug=slug, name=merchant_name)
    merchant._state.adding = False
    if store_id is None:
        return merchant, None
    store = Store(id=store_id, merchant=merchant, name=store_name or "")
    store._state.adding = False
    return merchant, store


def admit_staff(*, limit: int, token: str | None = None, user_id: UUID | None = None) -> Caller | None:
    """The member of staff with this token, or of this session, roles at hand and the call counted; None for nobody."""
    rows = run(
        "SELECT * FROM http_admit_staff_v1(%s::bytea, %s::uuid, %s)",
        [digest(token) if token is not None else None, user_id, limit],
    )
    if not rows:
        return None
    [(pk, email, name, password, is_superuser, roles, calls, resets_in)] = rows
    user = User(
        id=pk, email=email, name=name, password=password, is_superuser=is_superuser, is_active=True, is_staff=True
    )
    user._state.adding, user._state.db = False, "default"
    permissions.keep_roles(
        user,
        [
            StaffRole(
                user=user,
                role=role,
                merchant_id=UUID(merchant) if merchant else None,
                store_id=UUID(store) if store else None,
            )
            for role, merchant, store in json.loads(roles)
        ],
    )
    return Caller(name=f"staff:{pk}", user=user, usage=Usage(limit, calls, resets_in))


def count(subject: str, *, limit: int) -> Usage:
    """Count a call of the subject, atomically over all processes and machines."""
    [(calls, resets_in)] = run("SELECT * FROM http_count_v1(%s, %s)", [subject, limit])
    return Usage(limit, calls, resets_in)


def count_member(merchant_id: UUID, customer_id: UUID, *, limit: int) -> tuple[UUID, Usage] | None:
    """The `user_id` of the merchant's customer, their call counted; None for nobody, and for who has been forgotten."""
    rows = run(
        """
        SELECT c.user_id, n.calls, n.resets_in
          FROM customers c, LATERAL http_count_v1('member:' || c.merchant_id || ':' || c.user_id, %s) n
         WHERE c.id = %s AND c.merchant_id = %s AND c.anonymized_at IS NULL
        """,
        [limit, customer_id, merchant_id],
    )
    return (rows[0][0], Usage(limit, *rows[0][1:])) if rows else None


def purge(*, before: datetime) -> int:
    """Delete windows of minutes that began before; returns how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rate_windows WHERE begins_at < %s", [before])
        return cursor.rowcount
