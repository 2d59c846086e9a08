"""What tests of replays share."""

import json

import pytest

from tests.replay.shop import Shop

# What the reference calls each rule, and the policy that is it.
RULES = {"rule_a_inactivity_180d": "inactivity", "rule_b_lot_180d": "lots"}


@pytest.fixture
def shop(db: None, tmp_path):
    """A shop that nobody has heard of yet."""
    return Shop(tmp_path)


@pytest.fixture
def reference(shared_data):
    return json.loads((shared_data / "online_retail" / "reference.json").read_text())


@pytest.fixture(scope="session")
def command(shared_data):
    """The arguments of a replay under one of the rules."""

    def arguments(rule, *more):
        return [
            "replay_orders",
            str(shared_data / "online_retail" / "orders.csv.gz"),
            "--merchant=gifts",
            "--currency=GBP",
            "--rate=1",
            f"--expiry={RULES[rule]}",
            "--expire-after-days=180",
            "--stamp-min=5.00",
            "--stamps-target=10",
            "--format=json",
            *more,
        ]

    return arguments


@pytest.fixture(scope="session")
def replay_orders(manage_apart, command):
    """Replay under the rule and return the report."""

    def run(rule, *more):
        # Its lines are counted where it runs in process; here the counting would take longer than the orders.
        done = manage_apart(*command(rule, *more), timeout=300, COVERAGE_PROCESS_CONFIG="")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
