"""Several senders at once, the delivery loop, and workers that die."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from loyalty_site.jobs import delivery
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.webhooks import claims, endpoints, replaying, sending
from tests.cast import NOON, make_merchant
from tests.notifications.conftest import waits_are_over
from tests.standins import Reply


@pytest.fixture
def cafe(own_database):
    return make_merchant("cafe").merchant


WAIT = 20


def wait_until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def post_tests(endpoint, count):
    for _ in range(count):
        endpoints.send_test(endpoint=endpoint, at=NOON)


def test_two_senders_post_each_event_once(cafe, receiver, own_network):
    endpoint, _ = endpoints.create(merchant=cafe, label="shop", url=receiver.url, at=NOON)
    post_tests(endpoint, 60)

    def run(_):
        try:
            return sending.send().delivered
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        sent = sum(threads.map(run, range(2)))

    ids = [heard.headers["webhook-id"] for heard in receiver.heard]
    assert (sent, len(ids), len(set(ids))) == (60, 60, 60)
    assert WebhookDelivery.objects.filter(status="delivered", attempts=1).count() == 60


def test_one_that_does_not_answer_keeps_nobody_waiting(cafe, receiver, stand_in):
    dead, let_go = stand_in(), threading.Event()
    dead.usual = lambda heard: Reply(503 if let_go.wait(WAIT) else 500)
    silent, _ = endpoints.create(merchant=cafe, label="dead", url=dead.url, at=NOON)
    post_tests(silent, 40)
    alive, _ = endpoints.create(merchant=cafe, label="alive", url=receiver.url, at=NOON)
    post_tests(alive, 40)

    def run():
        sending.send(stop=let_go.is_set)
        connections.close_all()

    sender = threading.Thread(target=run)
    sender.start()
    wait_until(lambda: not WebhookDelivery.objects.filter(endpoint=alive).exclude(status="delivered").exists())
    asked = len(dead.heard)
    let_go.set()
    sender.join(WAIT)

    assert len(receiver.heard) == 40
    assert 1 <= asked <= 8
    silent.refresh_from_db()
    assert silent.failing_since is not None


def test_what_a_dead_worker_held_is_sent_by_another(cafe, receiver):
    endpoint, _ = endpoints.create(merchant=cafe, label="shop", url=receiver.url, at=NOON)
    post_tests(endpoint, 1)
    claims.claim(failing=False, busy=[], places=5, each=5, at=timezone.now())

    assert sending.send().delivered == 0
    waits_are_over()
    assert sending.send().delivered == 1
    assert WebhookDelivery.objects.get().attempts == 2


def test_the_delivery_loop_sends_at_a_ring_and_is_not_held_by_a_slow_receiver(cafe, receiver):
    endpoint, _ = endpoints.create(merchant=cafe, label="shop", url=receiver.url, at=NOON)
    let_go, stopping, turns = threading.Event(), threading.Event(), []
    receiver.usual = lambda heard: Reply(200 if let_go.wait(WAIT) else 500)

    def run():
        delivery.run(stop=stopping.is_set, poll_seconds=0.02, alive=lambda: turns.append(1))
        connections.close_all()

    loop = threading.Thread(target=run)
    loop.start()
    post_tests(endpoint, 1)
    wait_until(lambda: receiver.heard)
    so_far = len(turns)
    wait_until(lambda: len(turns) > so_far + 3)
    let_go.set()
    wait_until(lambda: WebhookDelivery.objects.get().status == "delivered")
    stopping.set()
    loop.join(WAIT)


def test_a_double_click_replays_once(cafe, receiver):
    endpoint, _ = endpoints.create(merchant=cafe, label="shop", url=receiver.url, at=NOON)
    post_tests(endpoint, 1)
    sending.send()
    delivered = WebhookDelivery.objects.get()
    together = threading.Barrier(4)

    def click(_):
        try:
            together.wait()
            return replaying.replay([delivered.pk], at=NOON)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        replayed = sum(threads.map(click, range(4)))

    assert replayed == 1
    assert WebhookDelivery.objects.count() == 2


def test_many_endpoints_that_end_at_once_do_not_lock_each_other_out(cafe, receiver):
    made = [endpoints.create(merchant=cafe, label=str(n), url=receiver.url, at=NOON)[0] for n in range(6)]
    receiver.usual = lambda heard: Reply(410)
    for each in made:
        post_tests(each, 8)

    def run(_):
        try:
            sending.send()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run, range(3)))

    assert not WebhookEndpoint.objects.filter(is_active=True).exists()
