"""Relays and publishers in processes of their own: `python -m tests.outbox.child <what>`."""

import os
import signal
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
django.setup()

from django.db import connection  # noqa: E402

from loyalty_site import outbox  # noqa: E402
from tests.outbox.happenings import note, publish  # noqa: E402


def say(text):
    print(text, flush=True)


def hang_in_the_middle():
    """A relay that is stuck in its subscriber, its rows written and not committed."""

    @outbox.subscribe("tests.happened")
    def stuck(events):
        note("café", events)
        say("stuck")
        time.sleep(600)

    outbox.relay()


def die_of_thirteen():
    """A relay whose process is killed by one event, as a crash in a C library would."""

    @outbox.subscribe("tests.happened")
    def fragile(events):
        note("café", events)
        if any(event.facts["number"] == 13 for event in events):
            os.kill(os.getpid(), signal.SIGKILL)

    outbox.relay(batch_size=10)


def share():
    """A relay that begins when told to, and says how much it has done."""

    @outbox.subscribe("tests.happened")
    def slow(events):
        note("café", events)
        time.sleep(0.005)

    connection.ensure_connection()
    say("ready")
    sys.stdin.readline()
    say(outbox.relay(batch_size=20).done)


def publish_here_and_in_a_fork():
    publish(1)
    say("published")
    sys.stdin.readline()
    connection.close()
    child = os.fork()
    publish(2)
    if child == 0:
        say("published in the fork")
        sys.stdin.readline()
        os._exit(0)
    os.waitpid(child, 0)


def publish_and_leave():
    publish(1)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
