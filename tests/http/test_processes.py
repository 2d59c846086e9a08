"""Many callers at once, several web processes, and processes that die."""

import http.client
import json
from collections import Counter
from threading import Thread

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.http.models import IdempotentAnswer, RateLimitedHour, RateWindow
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.http.serving import at_once, serving
from tests.tills import STORE, Till


@pytest.fixture
def shop(own_database):
    """A till and a card, committed."""
    program = make_merchant("cafe")
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    member = enroll(program=program, person=Person(external_ref="ana"), at=timezone.now()).member
    connections.close_all()
    return till, member


def headers(till, key=None):
    return {"Authorization": f"Api-Key {till.secret}"} | ({"Idempotency-Key": key} if key else {})


@pytest.mark.long
@pytest.mark.parametrize("call", ["stamps", "points"])
def test_twenty_connections_with_one_key_make_one_change_and_get_equal_answers(shop, call):
    till, member = shop
    path = f"{STORE}cards/{member.card_number}/{call}"
    body = {"stamps": {"count": 1}, "points": {"amount": "4.50", "orderReference": "W-1"}}[call]

    with serving() as web:

        def ask():
            while True:
                answer = web.call("POST", path, body, **headers(till, "one key"))
                if answer[0] != 409:
                    return answer
                assert json.loads(answer[2])["code"] == "request_running"
                assert answer[1]["Retry-After"] == "1"

        answers = at_once([ask] * 20)

    assert {status for status, _, _ in answers} == {201}
    assert len({body for _, _, body in answers}) == 1
    assert sum("Idempotent-Replayed" in headers for _, headers, _ in answers) == 19
    assert LedgerEntry.objects.filter(member=member).count() == 1


@pytest.mark.long
def test_a_request_that_waits_is_running_for_whoever_sends_it_again(shop, own_database):
    till, member = shop
    path = f"{STORE}cards/{member.card_number}/stamps"

    with serving() as web, own_database.connect() as other, other.transaction():
        other.execute("SELECT 1 FROM loyalty_members WHERE id = %s FOR UPDATE", [member.pk])
        first = Thread(target=web.call, args=("POST", path, {}), kwargs=headers(till, "k"))
        first.start()
        _wait_until_somebody_waits(own_database)
        status, given, body = web.call("POST", path, {}, **headers(till, "k"))
        assert (status, json.loads(body)["code"]) == (409, "request_running")
        assert given["Retry-After"] == "1"
        assert given["Content-Type"] == "application/problem+json"
    first.join(30)


@pytest.mark.long
@pytest.mark.parametrize("dies", ["web process", "connection"])
def test_who_dies_between_change_and_answer_changes_nothing_twice(shop, own_database, dies):
    till, member = shop
    path = f"{STORE}cards/{member.card_number}/points"
    body = {"amount": "4.50", "orderReference": "W-1"}

    with serving() as web:
        with own_database.connect() as other:
            # The change is made and the answer is about to be kept: it waits for this row, which never comes.
            with other.transaction(force_rollback=True):
                other.execute(
                    "INSERT INTO idempotent_answers (credential, key, fingerprint, status, body, created_at) "
                    "VALUES (%s, 'k', '', 201, NULL, now())",
                    [f"key:{till.key.pk}"],
                )
                asking = Thread(target=_ask_in_vain, args=(web, path, body, headers(till, "k")))
                asking.start()
                waiting = _wait_until_somebody_waits(own_database)
                if dies == "web process":
                    web.kill()
                else:
                    other.execute("SELECT pg_terminate_backend(%s)", [waiting])
                asking.join(30)
            _wait_until_nobody_is_in_a_transaction(own_database)
        # The commit had been sent along with the answer, so PostgreSQL did both though nobody was left to hear of it.
        kept = 1 if dies == "web process" else 0
        assert LedgerEntry.objects.filter(member=member).count() == IdempotentAnswer.objects.count() == kept
    with serving() as web:
        first = web.call("POST", path, body, **headers(till, "k"))
        again = web.call("POST", path, body, **headers(till, "k"))

    assert (first[0], again[0]) == (201, 201)
    assert again[2] == first[2]
    assert LedgerEntry.objects.filter(member=member).count() == 1
    assert Member.objects.get(pk=member.pk).points_balance == 45
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.long
def test_a_process_killed_after_the_commit_leaves_its_answer_for_the_retry(shop):
    till, member = shop
    path = f"{STORE}cards/{member.card_number}/stamps"

    with serving() as web:
        first = web.call("POST", path, {}, **headers(till, "k"))
        web.kill()
    with serving() as web:
        again = web.call("POST", path, {}, **headers(till, "k"))

    assert again[0] == first[0] == 201
    assert again[2] == first[2]
    assert Member.objects.get(pk=member.pk).stamp_count == 1


@pytest.mark.long
def test_a_limit_of_a_hundred_lets_exactly_a_hundred_of_400_through_over_two_processes(shop):
    till, member = shop
    path = f"{STORE}cards/{member.card_number}"

    with serving(RATE_LIMIT_STORE="100") as one, serving(RATE_LIMIT_STORE="100") as two:

        def ask(web):
            return [web.call("GET", path, **headers(till))[0] for _ in range(10)]

        statuses = Counter(
            status for ten in at_once([lambda web=web: ask(web) for web in (one, two) * 20]) for status in ten
        )

    assert statuses.keys() == {200, 429}
    # All in one minute as a rule; where the minute turned, each one let a hundred through.
    calls = list(RateWindow.objects.values_list("calls", flat=True))
    assert sum(calls) == 400
    assert statuses[200] == sum(min(100, each) for each in calls)
    assert statuses[429] == sum(RateLimitedHour.objects.values_list("calls", flat=True))


def _ask_in_vain(web, path, body, given):
    try:
        web.call("POST", path, body, **given)
    except (OSError, http.client.HTTPException):
        # The connection broke off with the process.
        return


# Of this database's other sessions: the server has more databases, and other tests are at work in them.
_LOCKS_HERE = (
    "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
)


def _wait_until_somebody_waits(database):
    """The process id of who waits for a lock."""
    with psycopg.connect(database.owner_url, autocommit=True) as watcher:
        _until(watcher, f"SELECT count(*) > 0 {_LOCKS_HERE} AND NOT l.granted")
        return watcher.execute(f"SELECT l.pid {_LOCKS_HERE} AND NOT l.granted").fetchone()[0]


def _wait_until_nobody_is_in_a_transaction(database):
    with psycopg.connect(database.owner_url, autocommit=True) as watcher:
        _until(watcher, f"SELECT count(*) = 0 {_LOCKS_HERE} AND l.locktype = 'transactionid'")


def _until(watcher, question):
    for _ in range(600):
        if watcher.execute(question).fetchone() == (True,):
            return
        watcher.execute("SELECT pg_sleep(0.05)")
    raise AssertionError(question)
