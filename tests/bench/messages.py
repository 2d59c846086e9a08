"""Messages: how many a second are queued from events, composed and handed over, and in how much memory."""

import resource
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.bench import ground, people
from tests.bench.table import Row, at_most
from tests.bench.worker import Worker, workers

AT = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
FEW, MANY = 10_000, 100_000
OVER_SMTP = 2_000
MEMORY_MB = 5

_MESSAGES = """
INSERT INTO loyalty_messages (id, merchant_id, member_id, customer_id, code, key, kind, channels, variables, locale,
    recipient, status, attempts, next_attempt_at, error, created_at)
SELECT gen_random_uuid(), m.merchant_id, m.id, m.customer_id, 'loyalty_points_expired', 'bench:' || m.id,
    'transactional', '{email}', '{"points": 120}', '', '', 'queued', 0, %(at)s, '', %(at)s
  FROM loyalty_members m WHERE m.program_id = %(program)s"""


# --- In a worker ----------------------------------------------------------------------------------------------
class _Taker:
    """A provider that takes everything at once."""

    def is_on(self) -> bool:
        return True

    def send(self, batch: Any) -> list[Any]:
        from notifications.channels.base import Outcome, Result

        return [Outcome(result=Result.SENT, provider_id=str(each.delivery_id)) for each in batch]


def hear(*, slug: str, events: int) -> dict[str, float]:
    """Relay so many expiry events to the subscriber that writes the messages."""
    from django.db import transaction

    from loyalty.models import Program
    from loyalty_site import outbox
    from tests.bench.messages import expiry_of

    program = Program.objects.get(merchant__slug=slug)
    with transaction.atomic():
        outbox.publish_many(expiry_of(member, program.merchant_id) for member in program.members.all()[:events])
    begin = time.perf_counter()
    outbox.relay()
    return {"seconds": time.perf_counter() - begin}


def send(*, first: int = 0) -> dict[str, float]:
    """Hand everything to a provider that takes it at once; `first` are sent before memory is looked at."""
    from notifications.channels import base

    base.register("email", _Taker)
    return _drain(first)


def send_over_smtp(*, port: int) -> dict[str, float]:
    """Hand everything to a mail server on this machine, over one connection a batch."""
    from django.test.utils import override_settings

    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=port
    ):
        return _drain(0)


def _drain(first: int) -> dict[str, float]:
    from notifications import dispatch

    sent = 0
    if first:
        ends = iter(range(first // 50))
        sent += dispatch.dispatch(clock=lambda: AT, stop=lambda: next(ends, None) is None).counts["sent"]
    before, begin = _memory(), time.perf_counter()
    after_warming = dispatch.dispatch(clock=lambda: AT).counts["sent"]
    return {
        "sent": sent + after_warming,
        "rate": after_warming / (time.perf_counter() - begin),
        "grown": (_memory() - before) / 1024,
    }


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, large: bool = False) -> Iterator[Row]:
    """The rows of messages."""
    members = MANY if large else FEW
    with ground.database("messages") as database, workers(1) as [worker]:
        program = _crowd("crowd", 1, members, database)
        few = _crowd("few", 2, OVER_SMTP, database)
        people.settle_down(database)
        heard = min(members, FEW)
        rate = heard / worker.call("messages", "hear", slug="crowd", events=heard)["seconds"]
        yield Row("expiry events to messages", f"{rate:,.0f} events/s")
        _clear(database)
        _load(database, program)
        yield from _sent(worker, members)
        _clear(database)
        _load(database, few)
        yield _over_smtp(worker)


def expiry_of(member: Any, merchant_id: Any) -> Any:
    """The event of a member whose points expired."""
    from loyalty.events import PointsExpired
    from loyalty_site.ids import new_id

    facts: dict[str, Any] = {
        "type": "points_expired", "points": -100, "points_balance": 0, "stamps": 0, "stamp_count": 0,
        "requested": None, "store_id": None, "order_reference": "", "run_id": None, "answers_id": None,
    }  # fmt: skip
    return PointsExpired(merchant_id=merchant_id, member_id=member.pk, entry_id=new_id(), occurred_at=AT, **facts)


def _crowd(slug: str, prefix: int, members: int, database: str) -> Any:
    program = people.make_program(slug)
    with ground.loading(database) as connection:
        people.load(connection, program, prefix, people.Crowd(members=members, active_at=AT))
    return program


def _load(database: str, program: Any) -> None:
    with ground.superuser(database) as connection:
        connection.execute(_MESSAGES.encode(), {"at": AT, "program": program.pk})
    people.settle_down(database)


def _clear(database: str) -> None:
    with ground.superuser(database) as connection:
        connection.execute("TRUNCATE loyalty_messages CASCADE")


def _sent(worker: Worker, members: int) -> Iterator[Row]:
    done = worker.call("messages", "send", first=members // 10)
    if done["sent"] != members:
        raise SystemExit(f"{done['sent']} of {members} messages were sent.")
    yield Row(f"{members:,} messages composed and handed over", f"{done['rate']:,.0f}/s")
    yield at_most(f"memory grown over the last 90 % of {members:,} messages", done["grown"], MEMORY_MB, " MB")


def _over_smtp(worker: Worker) -> Row:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        done = worker.call("messages", "send_over_smtp", port=port)
    finally:
        server.stop()
    if done["sent"] != OVER_SMTP:
        raise SystemExit(f"{done['sent']} of {OVER_SMTP} messages were sent over SMTP.")
    return Row(f"{OVER_SMTP:,} messages over SMTP, the server in Python", f"{done['rate']:,.0f}/s")
