import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.core.management import call_command

from loyalty_site.jobs.commands import ReportCommand, time_given
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Sweep(ReportCommand):
    takes_merchant = True
    takes_as_of = True

    def report(self, *, merchant, as_of, **options):
        with self.progress("Rooms", total=2) as advance:
            advance(2)
        return {
            "merchant": merchant,
            "as of": as_of,
            "points": 12345,
            "rooms": [{"room": "[kitchen]", "clean": True}, {"room": "hall", "clean": False}],
        }


class Refused(ReportCommand):
    def report(self, **options):
        raise Refusal("The broom is gone.")


class Found(ReportCommand):
    failed = True

    def report(self, **options):
        return {"drift": 1}


def test_the_report_is_a_table(capsys):
    call_command(Sweep(), as_of="2026-03-02T12:00:00Z")

    out = capsys.readouterr().out
    assert "12,345" in out
    assert "2026-03-02 12:00:00 UTC" in out
    assert "[kitchen]" in out
    assert "yes" in out


def test_the_report_is_json_for_machines(capsys):
    call_command(Sweep(), "--format", "json", "--as-of", "2026-03-02T12:00:00Z")

    report = json.loads(capsys.readouterr().out)
    assert report["points"] == 12345
    assert report["as of"] == "2026-03-02T12:00:00+00:00"
    assert report["rooms"][1] == {"room": "hall", "clean": False}


def test_a_refusal_is_exit_code_2_and_a_sentence(capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command(Refused())

    assert exit_.value.code == 2
    assert capsys.readouterr().err.strip() == "The broom is gone."


def test_a_refusal_in_json_has_its_code(capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command(Refused(), "--format", "json")

    assert exit_.value.code == 2
    assert json.loads(capsys.readouterr().err) == {"code": "refused", "detail": "The broom is gone."}


def test_a_finding_is_reported_and_exit_code_1(capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command(Found())

    assert exit_.value.code == 1
    assert "drift" in capsys.readouterr().out


def test_a_merchant_is_looked_up_by_its_slug(capsys):
    Merchant.objects.create(slug="baker", name="The Baker")

    call_command(Sweep(), "--merchant", "baker", "--as-of", "2026-03-02")

    assert "The Baker" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--merchant", "nobody"], ["--as-of", "yesterday"], ["--as-of", "2026-02-30"]])
def test_an_argument_that_means_nothing_is_refused(arguments):
    with pytest.raises(SystemExit) as exit_:
        call_command(Sweep(), *arguments)

    assert exit_.value.code == 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T12:00:00+00:00", NOON),
        ("2026-03-02T12:00:00", NOON),
        ("2026-03-02T13:00:00+01:00", NOON.astimezone(timezone(timedelta(hours=1)))),
        ("2026-03-02", NOON - timedelta(hours=12)),
    ],
)
def test_a_time_without_an_offset_is_utc(text, moment):
    assert time_given(text) == moment
