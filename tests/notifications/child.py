"""Senders in processes of their own: `python -m tests.notifications.child <what>`."""

import os
import signal
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
django.setup()

from django.db import connection  # noqa: E402

from notifications import dispatch  # noqa: E402
from notifications.sending import recording  # noqa: E402


def say(text):
    print(text, flush=True)


def die_before_recording():
    """A sender whose machine loses power between handing a batch over and writing it down."""
    recording.record = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    dispatch.dispatch()


def share():
    """A sender that begins when told to, and says how much it has sent."""
    connection.ensure_connection()
    say("ready")
    sys.stdin.readline()
    report = dispatch.dispatch(batch_size=7)
    say(f"{report.counts['sent']} {report.late} {report.uncertain}")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
