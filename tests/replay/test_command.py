"""`manage.py replay_orders`: what it takes, prints, writes and answers."""

import json

import pytest
from django.core.management import call_command
from django.db import connection

from loyalty.replay.replaying import _alone
from loyalty_site.tenants.models import Merchant
from tests.replay.shop import HEADER, row

ROWS = [
    row("1", "ann", "01 12:00:00", "7.00"),
    row("2", "[b]", "01 13:00:00", "5.00"),
    row("3", "", "05 13:00:00", "5.00"),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


@pytest.fixture
def replay_orders(db, path, capsys):
    """Run the command as from a shell: exit code, stdout, stderr."""

    def run(*more):
        arguments = [str(path), "--merchant=gifts", "--currency=GBP", "--expiry=inactivity", "--expire-after-days=2"]
        code = 0
        try:
            call_command("replay_orders", *arguments, *more)
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_report_is_printed_and_written(replay_orders, tmp_path):
    file = tmp_path / "report.json"

    code, out, _ = replay_orders("--format=json", f"--report={file}")

    report = json.loads(out)
    assert code == 0
    assert list(report) == ["input", "rule_a_inactivity_2d", "cohorts", "others"]
    assert json.loads(file.read_text()) == report
    assert report["rule_a_inactivity_2d"]["points_expired"] == 12


def test_a_table_shows_every_figure_and_names_as_they_are(replay_orders):
    code, out, _ = replay_orders()

    assert code == 0
    for words in ("rule_a_inactivity_2d.points_expired", "input.by_kind.sale.total", "others.stamps.stamps", "[b]"):
        assert words in out


def test_stamps_are_given_from_5_on_unless_said_otherwise(replay_orders):
    _, out, _ = replay_orders("--format=json")
    assert json.loads(out)["others"]["stamps"]["stamps"] == 2

    code, _, err = replay_orders("--stamp-min=none")
    assert (code, "from 5.00 on" in err) == (2, True)


def test_a_bad_row_stops_everything_with_exit_code_2(replay_orders, path):
    path.write_text(path.read_text() + row("4", "bob", "01 12:00:00", "-1.00") + "\n")

    code, out, err = replay_orders("--format=json")

    refusal = json.loads(err.splitlines()[-1])
    assert (code, out, refusal["code"]) == (2, "", "bad_rows")
    assert refusal["detail"].startswith("Line 5, total_amount: ")
    assert not Merchant.objects.exists()


def test_bad_rows_are_left_out_and_listed(replay_orders, path):
    path.write_text(path.read_text() + row("4", "bob", "01 12:00:00", "-1.00") + "\n")

    code, out, _ = replay_orders("--format=json", "--skip-bad-rows")
    _, table, _ = replay_orders("--skip-bad-rows")

    report = json.loads(out)
    assert (code, report["input"]["rows"]) == (0, 3)
    assert [(bad["line"], bad["column"]) for bad in report["skipped_rows"]] == [(5, "total_amount")]
    assert "Rows left out" in table


def test_until_is_utc_where_it_says_nothing_else(replay_orders):
    _, out, _ = replay_orders("--format=json", "--until=2020-01-04T02:00:00")

    report = json.loads(out)
    assert report["until"] == {"until": "2020-01-04T02:00:00Z", "closed_at": "2020-01-04T02:00:00Z"}
    assert report["rule_a_inactivity_2d"]["points_outstanding"] == 0


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("--rate=NaN", "invalid_rules"),
        ("--rate=1e3", "invalid_rules"),
        ("--rate=-1", "invalid_rules"),
        ("--currency=pound", "bad_rows"),
        ("--merchant=a shop", "invalid_rules"),
        ("--expire-after-days=0", "invalid_rules"),
        ("--stamp-min=five", "invalid_rules"),
        ("--stamp-min=NaN", "invalid_rules"),
        ("--stamps-target=0", "invalid_rules"),
        ("--until=yesterday", "bad_time"),
        ("--report=/no/such/folder/report.json", "report_not_writable"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(replay_orders, option, code):
    exit_code, _, err = replay_orders("--format=json", option)

    assert (exit_code, json.loads(err.splitlines()[-1])["code"]) == (2, code)
    assert not Merchant.objects.exists()


def test_two_replays_of_a_merchant_do_not_run_at_once(own_database, path, manage_apart):
    with _alone("gifts"):
        done = manage_apart("replay_orders", str(path), "--merchant=gifts", "--currency=GBP", "--expiry=none")

    assert (done.returncode, "A replay of this merchant is running." in done.stderr) == (2, True)
    assert not Merchant.objects.exists()
    with connection.cursor() as cursor:
        # Of this database: the server has others, and their tests hold locks of their own.
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )
        assert cursor.fetchone() == (0,)
