#!/usr/bin/env python
"""The door of the operator: every command of Regulars starts here."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    from loyalty_site import embedded

    embedded.use_when_no_database_is_named(sys.argv[1:])

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
