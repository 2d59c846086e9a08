"""Writing messages for the sender, beside the change or the news they come from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from loyalty_site.ids import NEW_IDS_SQL
from loyalty_site.outbox import bell
from notifications import hashes
from notifications.models import Kind

# What the delivery loop listens to.
BELL = "messages"

log = structlog.get_logger("loyalty.notification_service")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """One thing to tell one person.

    `key` is the event, the template and the recipient. Either a customer (and the member, where it is about a card) or
    a `recipient`, the e-mail address of somebody who is none. `channels` in the order in which they are tried until one
    takes it. `variables` are plain facts; what is known of the person is read when it is composed. `not_before`: not
    sent earlier.
    """

    merchant_id: UUID
    code: str
    key: str
    channels: Sequence[str] = ("email",)
    kind: str = Kind.TRANSACTIONAL
    customer_id: UUID | None = None
    member_id: UUID | None = None
    recipient: str = ""
    locale: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    store_id: UUID | None = None
    nudge_id: UUID | None = None
    not_before: datetime | None = None


_ROWS = """jsonb_to_recordset(%(rows)s::jsonb) AS e(
    merchant_id uuid, code text, key text, channels text[], kind text, customer_id uuid, member_id uuid, recipient text,
    locale text, variables jsonb, store_id uuid, nudge_id uuid, not_before timestamptz)"""

_COLUMNS = """id, merchant_id, member_id, customer_id, store_id, nudge_id, code, key, kind, channels, variables, locale,
    recipient, status, attempts, next_attempt_at, error, created_at"""

# `{customer}`: where the customer is found.
_INSERT = f"""
INSERT INTO loyalty_messages ({_COLUMNS})
SELECT {NEW_IDS_SQL}, e.merchant_id, e.member_id, {{customer}}, e.store_id, e.nudge_id, e.code, e.key, e.kind,
    e.channels::varchar(10)[], e.variables, e.locale, e.recipient, 'queued', 0,
    greatest(e.not_before, %(at)s::timestamptz), '', %(at)s::timestamptz
FROM {_ROWS} {{joined}}
ON CONFLICT (merchant_id, key) DO NOTHING
RETURNING code, coalesce(customer_id::text, recipient)
"""

_QUEUE = _INSERT.format(customer="e.customer_id", joined="")

# A member made by a mere look-up has enrolled in nothing, and is not written to.
_QUEUE_FOR_MEMBERS = _INSERT.format(
    customer="m.customer_id",
    joined="JOIN loyalty_members m ON m.id = e.member_id AND m.merchant_id = e.merchant_id"
    " WHERE m.enrolled_at IS NOT NULL",
)


def queue(messages: Sequence[NewMessage], *, at: datetime) -> int:
    """Write the messages that are not there yet, in one statement; return how many.

    A message whose key the merchant has is left out. The sender hears of it after the commit.
    """
    return _queue(_QUEUE, messages, at)


def queue_for_members(messages: Sequence[NewMessage], *, at: datetime) -> int:
    """`queue`, for messages that name a member and not the customer, who is found in the same statement.

    Left out is whoever is not enrolled, or no member of that merchant.
    """
    return _queue(_QUEUE_FOR_MEMBERS, messages, at)


def _queue(statement: str, messages: Sequence[NewMessage], at: datetime) -> int:
    if not messages:
        return 0
    rows = [{name: getattr(each, name) for name in NewMessage.__slots__} for each in messages]
    with connection.cursor() as cursor:
        cursor.execute(statement, {"rows": json.dumps(rows, cls=DjangoJSONEncoder), "at": at})
        written: list[tuple[str, str]] = cursor.fetchall()
    if written:
        _log(written)
        announce()
    return len(written)


def announce() -> None:
    """Wake the sender after the commit."""
    transaction.on_commit(lambda: bell.ring(BELL))


def _log(written: Sequence[tuple[str, str]]) -> None:
    """One line a template: a night's expiry is thousands of messages."""
    by_code: dict[str, list[str]] = {}
    for code, person in written:
        by_code.setdefault(code, []).append(hashes.of(person))
    for code, recipients in by_code.items():
        log.info("queued", code=code, recipients=recipients)
