"""`python -m tests.bench [--large] [--only earn,expiry] [--rounds N]`: measure everything and print one table."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator

from tests.bench import ground
from tests.bench.table import Row, show

PROGRAMS = ("earn", "http", "pages", "expiry", "tiers", "nudges", "snapshot", "relay", "messages", "replay")


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="the row-by-row form over whole crowds, a tenth due, ten million entries"
    )
    parser.add_argument("--only", default=",".join(PROGRAMS), help=f"some of: {', '.join(PROGRAMS)}")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of each pair")
    asked = parser.parse_args()

    begin = time.monotonic()
    ground.prepare()
    import django

    django.setup()
    from tests.bench import earn, expiry, http, messages, nudges, pages, relay, replay, snapshot, tiers

    rows: dict[str, Iterator[Row]] = {
        "earn": earn.rows(rounds=asked.rounds),
        "http": http.rows(rounds=asked.rounds),
        "pages": pages.rows(rounds=asked.rounds, large=asked.large),
        "expiry": expiry.rows(rounds=asked.rounds, large=asked.large),
        "tiers": tiers.rows(),
        "nudges": nudges.rows(),
        "snapshot": snapshot.rows(large=asked.large),
        "relay": relay.rows(rounds=asked.rounds),
        "messages": messages.rows(large=asked.large),
        "replay": replay.rows(),
    }
    table: list[Row] = []
    for name in asked.only.split(","):
        for row in rows[name]:
            print(f"  {row.what}: {row.ratio or row.project}", file=sys.stderr, flush=True)
            table.append(row)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, {ground.version()}")
    print(f"{time.monotonic() - begin:.0f} s, medians of {asked.rounds} interleaved rounds\n")
    show(table)
    return int(any(row.met is False for row in table))


if __name__ == "__main__":
    sys.exit(main())
