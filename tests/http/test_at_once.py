"""A purchase is two statements: who calls, with the card; and key, entry and kept answer."""

import io
import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Thread

import pytest
import time_machine
from django.core.handlers.wsgi import LimitedStream
from django.db import connection, connections, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.api.store.views.points import EarnPoints
from loyalty.models import LedgerEntry, Member, Program, Tier
from loyalty.operations import cards, points
from loyalty.operations.anonymization import anonymize
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.http import credentials
from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.http.secrets import API_KEY_PREFIX
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.locks import wait_until_waited_for
from tests.racing import at_once
from tests.tills import Till, problem

PURCHASE = {"amount": "4.50", "orderReference": "W-1"}


def entries(member):
    return LedgerEntry.objects.filter(member=member, type="earn")


def test_a_purchase_is_two_statements_and_so_is_its_retry(till, card):
    with CaptureQueriesContext(connection) as asked:
        assert till.post(f"{card}/points", PURCHASE, key="k").status_code == 201
    assert len(asked) == 2, [query["sql"] for query in asked]
    with CaptureQueriesContext(connection) as asked:
        assert till.post(f"{card}/points", PURCHASE, key="k").status_code == 201
    assert len(asked) == 2, [query["sql"] for query in asked]
    with CaptureQueriesContext(connection) as asked:
        assert till.post(f"{card}/points", {**PURCHASE, "orderReference": "W-2"}).status_code == 201
    assert len(asked) == 2, [query["sql"] for query in asked]


def test_the_answer_is_kept_as_it_was_given(till, card, ana):
    given = till.post(f"{card}/points", PURCHASE, key="k")

    kept = IdempotentAnswer.objects.get()
    entry = entries(ana).get()
    assert (kept.credential, kept.key, kept.status, kept.customer_id) == (
        f"key:{till.key.pk}",
        "k",
        201,
        ana.customer_id,
    )
    assert kept.body.encode() == given.content
    assert given.json() | {"metadata": None} == {
        "id": str(entry.pk),
        "number": entry.number,
        "entryType": "earn",
        "points": 45,
        "pointsBalance": Member.objects.get(pk=ana.pk).points_balance,
        "stamps": 0,
        "stampCount": 0,
        "requested": None,
        "shortfall": 0,
        "orderReference": "W-1",
        "answers": None,
        "description": "",
        "metadata": None,
        "occurredAt": entry.occurred_at.isoformat().replace("+00:00", "Z"),
    }
    assert given.json()["metadata"] == entry.metadata
    assert OutboxEvent.objects.filter(pk=entry.pk, kind="loyalty.points_earned").count() == 1


def test_both_ways_answer_alike(till, card, ana, program):
    """The longer way, for a program with a daily cap that is not reached, says the same."""
    short = till.post(f"{card}/points", PURCHASE, key="a").json()
    Program.objects.filter(pk=program.pk).update(max_points_per_day=10_000)
    long = till.post(f"{card}/points", {**PURCHASE, "orderReference": "W-2"}, key="b").json()

    own = ("id", "number", "pointsBalance", "orderReference", "occurredAt")
    assert {k: v for k, v in short.items() if k not in own} == {k: v for k, v in long.items() if k not in own}
    assert (long["number"], long["pointsBalance"]) == (short["number"] + 1, short["pointsBalance"] + 45)


@pytest.mark.parametrize(
    "text",
    ['"\\u0000number"', "\\u0000number", '\\"\\u0000points_balance\\"', "%s %(name)s {0}", "'; --", "\u2028 ü 🎉"],
)
def test_what_a_till_writes_is_never_taken_for_a_blank(till, card, ana, text):
    body = {**PURCHASE, "items": [{"name": text, text: 1}]}

    given = till.post(f"{card}/points", body, key="k")

    assert given.status_code == 201
    assert given.json()["metadata"]["items"] == body["items"] == entries(ana).get().metadata["items"]
    assert IdempotentAnswer.objects.get().body.encode() == given.content
    assert till.post(f"{card}/points", body, key="k").content == given.content


def test_a_known_key_moves_nothing_for_another_order(till, card, ana):
    till.post(f"{card}/points", PURCHASE, key="k")

    problem(till.post(f"{card}/points", {**PURCHASE, "orderReference": "W-2"}, key="k"), 422, "idempotency_key_reused")

    assert entries(ana).count() == IdempotentAnswer.objects.count() == 1


def test_the_same_order_under_another_key_is_the_first_entry_and_is_kept(till, card, ana):
    body = {**PURCHASE, "items": [{"price": "4.50", "é": 1, "zz": [{"b": None, "a": 1.5}], "name": "Espresso"}]}
    first = till.post(f"{card}/points", body, key="a")
    again = till.post(f"{card}/points", body, key="b")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert entries(ana).count() == 1
    assert dict(IdempotentAnswer.objects.values_list("key", "status")) == {"a": 201, "b": 200}


def test_a_retry_is_answered_again_though_it_would_be_too_old_by_now(till, card, ana):
    happened = timezone.now() - timedelta(days=30) + timedelta(hours=1)
    body = {**PURCHASE, "occurredAt": happened.isoformat()}
    first = till.post(f"{card}/points", body, key="k")
    assert first.status_code == 201

    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        again = till.post(f"{card}/points", body, key="k")
        problem(till.post(f"{card}/points", {**body, "orderReference": "W-2"}), 422, "occurred_at_out_of_range")

    assert (again.status_code, again.content) == (201, first.content)


def test_the_other_merchants_card_is_unknown_and_nothing_is_kept(bookshop_till, card, ana):
    problem(bookshop_till.post(f"{card}/points", PURCHASE, key="k"), 404, "not_found")

    assert not entries(ana).exists()
    assert not IdempotentAnswer.objects.exists()


def test_what_was_read_ahead_is_told_only_to_who_may_call(till, card, counter):
    send = till.client.generic
    where = f"/api/v1/store/loyalty/{card}/points"

    def status(text, **headers):
        return send("POST", where, text, content_type="application/json", headers=headers).status_code

    for text in ('{"amount": ', '{"amount": "x"}', '{"amount": "1", "orderReference": "W", "colour": 1}', "[]"):
        assert status(text, Authorization="Api-Key sk_nobody") == 401
        assert status(text) == 400
    other = Till(counter, scopes=("checkout",))
    problem(other.send(f"{card}/points", '{"amount": '), 403, "wrong_scope")


def test_who_is_over_the_limit_hears_that_first(till, card, settings):
    settings.RATE_LIMIT_STORE = 1
    assert till.post(f"{card}/points", PURCHASE).status_code == 201

    problem(till.send(f"{card}/points", '{"amount": '), 429, "rate_limited")
    problem(till.post("cards/nobody/points", PURCHASE), 429, "rate_limited")


def test_nothing_is_read_for_who_is_over_the_limit(till):
    reading = "SELECT caller.store_id", []

    (_, within), (_, over) = (credentials.admit_key(till.secret, limit=1, reading=reading) for _ in range(2))

    assert within == (till.store.pk,)
    assert over is None


@pytest.mark.parametrize(("length", "is_read"), [(500, True), (9_999, True), (10_000, False), (10**6, False)])
def test_a_long_body_is_not_read_for_whoever_asks(card, length, is_read):
    body = io.BytesIO(b"[" + b" " * (length - 2) + b"]")
    request = RequestFactory().generic("POST", "/", headers={"Authorization": f"Api-Key {API_KEY_PREFIX}nobody"})
    request.META |= {"CONTENT_LENGTH": str(length), "CONTENT_TYPE": "application/json"}
    request._stream = LimitedStream(body, length)

    assert EarnPoints.as_view()(request, card_number=card).status_code == 401
    assert (body.tell() > 0) is is_read


def test_a_daily_cap_holds(till, card, program, ana):
    Program.objects.filter(pk=program.pk).update(max_points_per_day=50)

    earned = [till.post(f"{card}/points", {**PURCHASE, "orderReference": f"W-{n}"}, key=f"{n}") for n in range(3)]

    assert [answer.json()["points"] for answer in earned] == [45, 5, 0]


@pytest.mark.parametrize("length", [20, 9_999, 10_000, 16_000])
def test_a_long_body_is_judged_like_a_short_one(till, card, ana, length):
    body = {**PURCHASE, "items": [{"name": "x"}]}
    body["items"][0]["name"] += "x" * max(0, length - len(json.dumps(body)))

    first = till.post(f"{card}/points", body, key="k")
    again = till.post(f"{card}/points", body, key="k")

    assert (first.status_code, again.content) == (201, first.content)
    problem(till.post(f"{card}/points", {**body, "colour": 1}), 400, "unknown_field")


# --- What happens between the two statements ------------------------------------------------------------------
@pytest.fixture
def shop(own_database):
    """A till and a card, committed; who reaches 1,000 points earns twice as many."""
    program = make_merchant("cafe")
    Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=1_000, multiplier=2)
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    return till, enroll(program=program, person=Person(external_ref="ana"), at=timezone.now()).member


def asked_while(change, till, member, key="k"):
    """The answer of a purchase that has read the card before the change is committed, and writes after it."""
    answers, number = [], member.card_number

    def ask():
        try:
            answers.append(till.post(f"cards/{number}/points", PURCHASE, key=key))
        finally:
            connections.close_all()

    asking = Thread(target=ask)
    with transaction.atomic():
        change()
        asking.start()
        wait_until_waited_for(connection)
    asking.join(30)
    return answers[0]


def test_who_was_switched_off_meanwhile_earns_nothing(shop):
    till, member = shop

    answer = asked_while(lambda: cards.deactivate(member=member, at=timezone.now()), till, member)

    problem(answer, 409, "card_inactive")
    assert not entries(member).exists()
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("key", ["k", None])
def test_a_card_that_was_replaced_meanwhile_earns_nothing(shop, key):
    till, member = shop

    answer = asked_while(lambda: cards.replace(member=member, reason="lost", at=timezone.now()), till, member, key)

    problem(answer, 409, "card_replaced")
    assert not entries(member).exists()
    assert not IdempotentAnswer.objects.exists()


def test_who_was_warned_of_a_lower_tier_meanwhile_and_has_the_points_again_is_warned_no_longer(shop):
    till, member = shop
    low = Tier.objects.create(program=member.program, slug="bronze", name="Bronze", point_threshold=40)
    Member.objects.filter(pk=member.pk).update(tier=low)

    def warn():
        Member.objects.filter(pk=member.pk).update(tier_warned_at=timezone.now())

    assert asked_while(warn, till, member).status_code == 201

    member = Member.objects.get(pk=member.pk)
    assert (member.lifetime_points, member.tier, member.tier_warned_at) == (45, low, None)


def test_who_was_forgotten_meanwhile_is_unknown_and_nothing_is_kept_of_them(shop):
    till, member = shop

    answer = asked_while(lambda: anonymize(member=member, at=timezone.now()), till, member)

    problem(answer, 404, "not_found")
    assert not entries(member).exists()
    assert not IdempotentAnswer.objects.exists()


def test_who_rose_to_a_tier_meanwhile_earns_by_it(shop):
    till, member = shop

    def rise():
        points.earn(member=member, store=till.store, amount=Decimal("100"), order_reference="W-0", at=timezone.now())

    answer = asked_while(rise, till, member)

    assert answer.status_code == 201
    assert (answer.json()["number"], answer.json()["points"], answer.json()["pointsBalance"]) == (2, 90, 1_090)
    assert IdempotentAnswer.objects.get().body.encode() == answer.content


def test_who_reaches_a_tier_by_the_purchase_rises_with_it(shop):
    till, member = shop

    answer = till.post(f"cards/{member.card_number}/points", {**PURCHASE, "amount": "100.00"}, key="k")

    assert (answer.status_code, answer.json()["points"]) == (201, 1_000)
    assert Member.objects.get(pk=member.pk).tier.slug == "silver"
    assert IdempotentAnswer.objects.get().body.encode() == answer.content


def test_the_same_order_written_meanwhile_for_another_member_is_refused(shop):
    till, member = shop
    other = enroll(program=member.program, person=Person(external_ref="ben"), at=timezone.now()).member

    def take():
        points.earn(member=other, store=till.store, amount=Decimal("4.50"), order_reference="W-1", at=timezone.now())

    problem(asked_while(take, till, member), 409, "order_already_used")
    assert not entries(member).exists()
    assert not IdempotentAnswer.objects.exists()


def test_a_key_that_is_being_answered_is_not_waited_for(shop, own_database):
    till, member = shop
    with own_database.connect() as other, other.transaction():
        other.execute("SELECT http_take_key_v1(%s, 'k')", [f"key:{till.key.pk}"])

        answer = till.post(f"cards/{member.card_number}/points", PURCHASE, key="k")

        problem(answer, 409, "request_running")
        assert answer["Retry-After"] == "1"
    assert not entries(member).exists()
    assert till.post(f"cards/{member.card_number}/points", PURCHASE, key="k").status_code == 201


@pytest.mark.parametrize("same", ["key", "order"])
def test_many_at_once_make_one_entry(shop, same):
    till, member = shop

    def ask(number):
        key = "k" if same == "key" else f"k-{number}"
        while (answer := till.post(f"cards/{member.card_number}/points", PURCHASE, key=key)).status_code == 409:
            problem(answer, 409, "request_running")
        return answer

    answers = at_once(*[partial(ask, number) for number in range(12)])

    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == ([201] * 12 if same == "key" else [200] * 11 + [201])
    assert entries(member).count() == 1
    assert Member.objects.get(pk=member.pk).points_balance == 45
    assert IdempotentAnswer.objects.count() == (1 if same == "key" else 12)
