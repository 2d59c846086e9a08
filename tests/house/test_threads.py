"""Web processes whose threads stay with a connection for a moment."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from threading import Thread

import pytest

from tests import server
from tests.http.serving import at_once, serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what threads do is read from /proc"),
]

NOTHING = b"GET /api/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Kept:
    """One connection to the site, kept alive."""

    def __init__(self, web):
        self.connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)

    def ask(self, path="/api/v1/nothing"):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = json.loads(response.read())
        return response.status, body, response.getheader("Connection")


def waits_of_first_thread(web):
    """How often the worker's first thread, which hands connections to the others, has waited so far."""
    [pid] = web.workers()
    with open(f"/proc/{pid}/task/{pid}/status") as status:
        return int(dict(line.split(":\t") for line in status if ":\t" in line)["voluntary_ctxt_switches"])


def waits_on_each_others_heels(web, many):
    """How often it waits while so many requests are answered on a connection, each sent before the last is answered.

    They come with a body longer than one read: what follows it is still on its way, not read along.
    """
    body = b" " * 10_000
    head = b"POST /api/v1/store/loyalty/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    request = head % len(body) + body
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as asking:
        before, answered = waits_of_first_thread(web), b""
        sending = Thread(target=asking.sendall, args=(request * many,))
        sending.start()
        while answered.count(b"HTTP/1.1 401") < many:
            answered += asking.recv(65536)
        sending.join(60)
        return waits_of_first_thread(web) - before


def test_requests_on_each_others_heels_are_answered_by_the_thread_that_is_there(own_database):
    with serving() as web:
        # It looks around once a second anyway, and a machine that is busy sends some of them late.
        assert waits_on_each_others_heels(web, 200) < 50


def test_a_request_that_comes_later_is_handed_over(own_database):
    with serving() as web:
        kept = Kept(web)
        kept.ask()
        before = waits_of_first_thread(web)
        for _ in range(20):
            time.sleep(0.05)
            assert kept.ask()[0] == 404

        assert waits_of_first_thread(web) - before >= 20


def test_gunicorns_own_threads_hand_every_request_over(own_database):
    with serving("--worker-class=gthread") as web:
        assert waits_on_each_others_heels(web, 200) >= 100


def test_more_connections_than_threads_are_all_answered(own_database):
    with serving("--threads=2") as web:
        connections = [Kept(web) for _ in range(12)]

        def ask_often(kept):
            return [kept.ask()[0] for _ in range(20)]

        answers = at_once([lambda kept=kept: ask_often(kept) for kept in connections])

        assert answers == [[404] * 20] * 12


def test_who_asks_without_a_pause_does_not_keep_the_only_thread(own_database):
    many, answered = 2000, []
    with serving("--threads=1") as web, socket.create_connection(("127.0.0.1", web.port), timeout=60) as busy:

        def read():
            while len(answered) < many:
                answered.extend(re.findall(rb"HTTP/1.1 404", busy.recv(65536)))

        reading, other = Thread(target=read), Kept(web)
        reading.start()
        busy.sendall(NOTHING * many)
        assert other.ask()[0] == 404
        left = many - len(answered)
        reading.join(60)

    assert left > many / 2


def test_an_idle_connection_leaves_its_thread_to_others(own_database):
    with serving("--threads=1") as web:
        idle, other = Kept(web), Kept(web)
        assert idle.ask()[0] == 404

        assert other.ask()[0] == 404
        time.sleep(0.2)
        assert idle.ask()[0] == 404


def test_requests_sent_in_one_go_are_answered_in_turn(own_database):
    others = [NOTHING.replace(b"nothing", path) for path in (b"store/loyalty/cards/1", b"store/loyalty/cards/2")]
    with serving("--threads=1") as web, socket.create_connection(("127.0.0.1", web.port), timeout=60) as asking:
        asking.sendall(b"".join([others[0], NOTHING, others[1], NOTHING]))
        received = b""
        while len(statuses := re.findall(rb"HTTP/1.1 (\d+)", received)) < 4 or not received.endswith(b"}"):
            received += asking.recv(65536)

    assert statuses == [b"401", b"404", b"401", b"404"]


def test_requests_sent_in_one_go_need_no_other_thread(own_database):
    with serving() as web, socket.create_connection(("127.0.0.1", web.port), timeout=60) as asking:
        before, answered = waits_of_first_thread(web), 0
        # Few enough to be read in one go as well.
        asking.sendall(NOTHING * 100)
        while answered < 100:
            answered += asking.recv(65536).count(b"HTTP/1.1 404")

        assert waits_of_first_thread(web) - before < 50


@pytest.mark.parametrize("size", [70_000, 10_000_000])
def test_a_body_that_nobody_read_does_not_cost_the_connection(own_database, size):
    with serving() as web:
        kept = Kept(web)
        kept.connection.connect()
        first = kept.connection.sock

        for _ in range(3):
            kept.connection.request("POST", "/api/v1/store/loyalty/cards/1/points", b" " * size)
            response = kept.connection.getresponse()
            response.read()
            assert response.status == 401
        assert kept.ask()[0] == 404
        assert kept.connection.sock is first


@pytest.mark.parametrize("module", ["loyalty_site.web", "loyalty_site.cores"])
def test_gunicorn_takes_its_settings_from_the_module(module):
    command = [sys.executable, "-m", "gunicorn", "loyalty_site.wsgi", f"--config=python:{module}", "--print-config"]
    said = subprocess.run(command, cwd=server.ROOT, capture_output=True, text=True, check=True).stdout
    settings = dict(re.findall(r"^(\w+) +(?:= )?(.*)$", said, re.M))

    assert settings["worker_class"] == "loyalty_site.threads.Worker"
    assert settings["threads"] == "8"
    assert settings["control_socket_disable"] == "True"
    # nginx keeps a connection for 60 seconds unless it is told otherwise, and is to be the one that closes it.
    assert int(settings["keepalive"]) > 60


def test_who_hangs_up_costs_no_thread(own_database):
    with serving("--threads=1") as web:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", web.port), timeout=60) as asking:
                asking.sendall(NOTHING)
                assert asking.recv(65536).startswith(b"HTTP/1.1 404")

        assert Kept(web).ask()[0] == 404


def test_a_process_that_has_served_its_requests_makes_room_for_another(own_database):
    with serving("--max-requests=20") as web:
        [before] = web.workers()
        kept, answers = Kept(web), []
        while (answer := kept.ask())[2] != "close":
            answers.append(answer[0])

        # It waited for the site by a request of its own, or by some.
        assert 0 < len(answers) < 20
        while before in web.workers():
            time.sleep(0.05)
        assert Kept(web).ask()[0] == 404


def test_told_to_stop_it_ends_though_a_till_goes_on_asking(own_database):
    with serving("--graceful-timeout=20") as web:
        kept = Kept(web)
        assert kept.ask()[0] == 404
        os.kill(web.process.pid, signal.SIGTERM)
        closed = None
        while closed != "close":
            try:
                _, _, closed = kept.ask()
            except (http.client.HTTPException, OSError):
                break

        assert web.process.wait(15) == 0
