"""A run in a process of its own: `python -m tests.jobs.child`. Says "running", and hangs."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
django.setup()

from loyalty_site.jobs import runs  # noqa: E402

if __name__ == "__main__":
    with runs.record("tests.sweep", trigger="schedule", key="monday"):
        print("running", flush=True)
        sys.stdin.readline()
