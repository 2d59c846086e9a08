import json
from datetime import timedelta
from importlib import import_module

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Schedule

from loyalty_site.jobs import schedule_rows
from loyalty_site.jobs.instants import next_instant
from loyalty_site.schedules import SCHEDULES

TWO = {"tests.sweep": ("tests.jobs.tasks.sweep", "0 2 * * *"), "tests.often": ("tests.jobs.tasks.often", "* * * * *")}


def rows():
    return {row.name: (row.func, row.cron) for row in Schedule.objects.all()}


@pytest.mark.django_db
def test_the_table_says_what_the_code_says():
    assert schedule_rows.sync(TWO) == {"created": 2, "repaired": 0, "removed": 0, "unchanged": 0}
    assert rows() == TWO
    assert Schedule.objects.get(name="tests.sweep").next_run == next_instant("0 2 * * *", timezone.now())
    assert schedule_rows.sync(TWO)["unchanged"] == 2


@pytest.mark.django_db
def test_what_is_not_in_the_code_is_removed():
    schedule_rows.sync(TWO)
    Schedule.objects.create(name="by hand", func="os.remove")
    Schedule.objects.create(name="tests.sweep", func="tests.jobs.tasks.sweep")

    assert schedule_rows.sync(TWO)["removed"] == 2
    assert rows() == TWO


@pytest.mark.django_db
@pytest.mark.parametrize(
    "broken",
    [{"cron": "whenever"}, {"args": "1 +"}, {"func": "gone"}, {"repeats": 0}, {"next_run": None}, {"cluster": "moon"}],
    ids=str,
)
def test_a_broken_row_is_repaired(broken):
    schedule_rows.sync(TWO)
    Schedule.objects.filter(name="tests.sweep").update(**broken)

    counts = schedule_rows.sync(TWO)

    assert (counts["repaired"], counts["unchanged"]) == (1, 1)
    assert rows() == TWO
    row = Schedule.objects.get(name="tests.sweep")
    assert (row.args, row.repeats, row.cluster) == (None, -1, None)
    assert row.next_run == next_instant("0 2 * * *", timezone.now())


@pytest.mark.django_db
def test_a_run_that_is_due_stays_due_through_a_sync():
    schedule_rows.sync(TWO)
    due = timezone.now() - timedelta(minutes=1)
    Schedule.objects.update(next_run=due)

    schedule_rows.sync(TWO)

    assert set(Schedule.objects.values_list("next_run", flat=True)) == {due}


@pytest.mark.django_db
def test_the_command_applies_the_schedules_of_the_code(capsys):
    call_command("sync_schedules", "--format", "json")

    assert json.loads(capsys.readouterr().out)["created"] == len(SCHEDULES)
    assert rows() == SCHEDULES


@pytest.mark.parametrize(("name", "function"), [(name, path) for name, (path, _) in SCHEDULES.items()])
def test_each_schedule_names_a_function_that_is_there(name, function):
    module, _, attribute = function.rpartition(".")

    assert callable(getattr(import_module(module), attribute))
