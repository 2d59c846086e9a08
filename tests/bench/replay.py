"""The replay of the real orders, with a run of the expiry every night, as a shop would run it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import ground
from tests.bench.table import Row, at_most
from tests.server import ROOT

RULES = (
    ("rule A: inactivity, 180 days", ["--expiry", "inactivity", "--expire-after-days", "180"]),
    ("rule B: lots, 180 days", ["--expiry", "lots", "--expire-after-days", "180"]),
)


def rows() -> Iterator[Row]:
    """The rows of the replay; none where the real orders are not at hand."""
    shared = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared" / "data")
    orders = shared / "online_retail" / "orders.csv.gz"
    if not orders.exists():
        print(f"No real orders at {orders} (SHARED_DATA): the replay is left out.", file=sys.stderr)
        return
    for number, (name, arguments) in enumerate(RULES):
        with ground.database(f"replay_{number}"):
            begin = time.perf_counter()
            command = ["manage.py", "replay_orders", str(orders), "--merchant", "shop", "--currency", "GBP", *arguments]
            done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - begin
            if done.returncode:
                raise SystemExit(f"replay_orders failed.\n{done.stdout}{done.stderr}")
            yield at_most(f"replay of the real orders, {name}", seconds, 60, " s")
