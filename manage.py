#!/usr/bin/env python
"""The door of the operator: every command of Regulars starts here."""

import os
import sys

# What these write is their log; any other command's output is its report, for a pipe or a file.
SERVING = {"deliver", "qcluster", "run_worker", "runserver"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    serving = SERVING.intersection(sys.argv[1:2])
    os.environ.setdefault("LOG_STREAM", "stdout" if serving else "stderr")
    if not serving and sys.stderr.isatty():
        # A person looks on: a progress bar and a report tell them more than a line for each chunk.
        os.environ.setdefault("LOG_LEVEL", "WARNING")

    from loyalty_site import embedded, startup

    embedded.use_when_no_database_is_named(sys.argv[1:])
    if not serving and not embedded.WITHOUT_DATABASE.intersection(sys.argv[1:]):
        startup.say_when_the_key_is_random()

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
