"""The real orders: every figure is the reference's, and the ledger's books balance."""

import json
import resource
import time

import pytest

RULES = {"rule_a_inactivity_180d": "inactivity", "rule_b_lot_180d": "lots"}


@pytest.fixture
def reference(shared_data):
    return json.loads((shared_data / "online_retail" / "reference.json").read_text())


@pytest.fixture
def replay_orders(manage, shared_data):
    def run(expiry, *more):
        return manage(
            "replay_orders",
            str(shared_data / "online_retail" / "orders.csv.gz"),
            "--merchant=gifts",
            "--currency=GBP",
            "--rate=1",
            f"--expiry={expiry}",
            "--expire-after-days=180",
            "--stamp-min=5.00",
            "--stamps-target=10",
            "--format=json",
            *more,
        )

    return run


@pytest.mark.long
@pytest.mark.parametrize("rule", RULES)
def test_the_real_orders_come_to_the_reference(own_database, replay_orders, reference, rule):
    began = time.monotonic()
    done = replay_orders(RULES[rule])
    print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == {name: reference[name] for name in ("input", rule, "cohorts", "others")}
    began = time.monotonic()
    done = replay_orders(RULES[rule])
    print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
