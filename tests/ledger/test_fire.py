"""The ledger under fire: real connections, few members, every promise kept afterwards.

FIRE_SECONDS lengthens both fires, FIRE_SEED repeats one.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.db.models import Sum

from loyalty.ledger import Posting
from loyalty.models import ExpiryPolicy, LedgerEntry, Member, Redemption
from loyalty.operations import points, redemptions, refunds
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store
from tests import server
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import reading
from tests.ledger.fire import FLAGS
from tests.ledger.model import Card, Model

SECONDS = float(os.environ.get("FIRE_SECONDS", "8"))
SEED = int(os.environ.get("FIRE_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)

pytestmark = pytest.mark.long


def _deadlocks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


# --- 50 threads at the counter --------------------------------------------------------------------------------
class Cashier:
    """One thread: it does at random what tills do, and notes which entry each request was answered with."""

    def __init__(self, seed, members, store):
        self.random = random.Random(seed)
        self.members = members
        self.store = store
        self.open = []
        self.answers = defaultdict(set)
        self.refused = Counter()
        self.errors = []

    def run(self, until):
        try:
            while time.monotonic() < until:
                self.once()
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            connections.close_all()

    def once(self):
        member = self.random.choice(self.members)
        does = self.random.choice([self.earn, self.earn, self.refund, self.hold, self.close, self.redeem])
        try:
            does(member)
        except Refusal as refusal:
            self.refused[refusal.code] += 1

    def earn(self, member):
        order = self.random.randrange(2000)
        # One order is one amount, whoever rings it up; now and then somebody types another.
        amount = Decimal(order % 50) + (Decimal("0.10") if self.random.random() < 0.02 else 0)
        entry = points.earn(member=member, store=self.store, amount=amount, order_reference=f"W-{order}", at=NOON)
        self.answers["earn", order].add(entry.pk)

    def refund(self, member):
        order = self.random.randrange(2000)
        known = f"W-{order}" if self.random.random() < 0.7 else None
        entry = refunds.refund(
            member=member,
            store=self.store,
            amount=Decimal(order % 25),
            refund_reference=f"R-{order}-{known is not None}",
            order_reference=known,
            at=NOON,
        )
        self.answers["refund", order, known].add(entry.pk)

    def hold(self, member):
        self.open.append(redemptions.hold(member=member, points=self.random.randint(1, 60), at=NOON))

    def close(self, member):
        if self.open:
            redemption = self.open.pop(self.random.randrange(len(self.open)))
            if self.random.random() < 0.5:
                redemptions.cancel(redemption=redemption, at=NOON)
            else:
                redemptions.fulfil(redemption=redemption, at=NOON)
                self.answers["fulfil", redemption.pk].add(redemption.entry_id)

    def redeem(self, member):
        order = self.random.randrange(2000)
        done = redemptions.redeem(
            member=member, store=self.store, points=order % 60 + 1, order_reference=f"S-{order}", at=NOON
        )
        self.answers["redeem", order].add(done.entry_id)


def test_50_threads_at_five_members_lose_and_double_nothing(own_database):
    program = make_merchant("cafe", expiry_policy=ExpiryPolicy.LOTS, points_valid_days=30)
    store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    members = [make_member(program, name) for name in ("ann", "ben", "cleo", "dan", "eve")]
    cashiers = [Cashier(SEED + place, members, store) for place in range(50)]
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=cashier.run, args=(until,)) for cashier in cashiers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [error for cashier in cashiers for error in cashier.errors] == [], f"FIRE_SEED={SEED}"
    assert _deadlocks() == 0
    assert reading.broken_promises() == {}
    answers = defaultdict(set)
    for cashier in cashiers:
        for request, entries in cashier.answers.items():
            answers[request] |= entries
    assert [request for request, entries in answers.items() if len(entries) != 1] == []
    assert {entry for entries in answers.values() for entry in entries} == set(
        LedgerEntry.objects.values_list("pk", flat=True)
    )
    assert _held() == _asked_for()


def _held():
    return {member.pk: member.points_held for member in Member.objects.all() if member.points_held}


def _asked_for():
    requested = Redemption.objects.filter(status=Redemption.Status.REQUESTED).values("member")
    return dict(requested.annotate(points=Sum("points_cost")).values_list("member", "points"))


# --- 16 processes at the ledger -------------------------------------------------------------------------------
def test_16_processes_at_ten_members_agree_with_the_model(own_database):
    program = make_merchant("cafe")
    members = [make_member(program, f"member{place}") for place in range(10)]

    done = subprocess.run(
        [sys.executable, "-m", "tests.ledger.fire", "16", str(SECONDS), str(SEED)],
        cwd=server.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 240,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["errors"] == [], f"FIRE_SEED={SEED}"
    assert _deadlocks() == 0
    assert reading.broken_promises() == {}
    assert Counter(told["kept"]) == Counter(str(pk) for pk in LedgerEntry.objects.values_list("pk", flat=True))
    for outcome in ("created", "moved", "nothing", "given up", "insufficient_points", "order_already_used"):
        assert told["outcomes"].get(outcome), f"nothing was {outcome}: {told['outcomes']}"
    for member in members:
        written = reading.books([member])
        replayed = _replay(member, written)
        # A hold writes no entry; its sum is what the processes say they committed.
        replayed.cards[member.pk].held = told["held"].get(str(member.pk), 0)
        assert replayed == written


def _replay(member, written):
    """The model's books after this member's committed entries, in the order of their numbers."""
    model = Model({member.pk: Card(merchant=member.merchant_id, clock=member.last_activity_at)})
    for row in LedgerEntry.objects.filter(member=member).order_by("number"):
        flags = {name: _value(row.metadata[name]) for name in FLAGS}
        posting = Posting(
            member=member,
            id=row.pk,
            type=row.type,
            points=row.points_delta,
            stamps=row.stamps_delta,
            key=row.key,
            answers_id=row.answers_id,
            **flags,
        )
        outcome = model.apply(posting, NOON)
        assert outcome.what == "created"
        # What was asked for, where less was taken, is not in the replay.
        model.books.entries[row.pk] = replace(outcome.entry, requested=row.requested)
    return model.books


def _value(shown):
    return datetime.fromisoformat(shown) if isinstance(shown, str) else shown
