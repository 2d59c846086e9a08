"""django-q2's schedule rows, made to say what `loyalty_site/schedules.py` says."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from loyalty_site.jobs.instants import next_instant
from loyalty_site.schedules import SCHEDULES


def sync(schedules: Mapping[str, tuple[str, str]] = SCHEDULES) -> dict[str, int]:
    """Make the table hold these schedules and nothing else. Return how many were made, repaired and removed.

    One broken row would stop every schedule, so a row that differs in anything is written anew; one that is right
    keeps its next run. A schedule is never due twice for having been synced.
    """
    counts = {"created": 0, "repaired": 0, "removed": 0, "unchanged": 0}
    with transaction.atomic():
        rows: dict[str, Schedule] = {}
        for row in Schedule.objects.select_for_update().order_by("pk"):
            if row.name in schedules and row.name not in rows:
                rows[row.name] = row
            else:
                row.delete()
                counts["removed"] += 1
        for name, (function, cron) in schedules.items():
            wanted = _wanted(function, cron)
            row = rows.get(name)
            if row is None:
                Schedule.objects.create(name=name, next_run=next_instant(cron, timezone.now()), **wanted)
                counts["created"] += 1
                continue
            wrong = {field for field, value in wanted.items() if getattr(row, field) != value}
            latest = next_instant(cron, timezone.now())
            if not wrong and row.next_run is not None and row.next_run <= latest:
                counts["unchanged"] += 1
                continue
            for field, value in wanted.items():
                setattr(row, field, value)
            row.next_run = latest
            row.save()
            counts["repaired"] += 1
    return counts


def _wanted(function: str, cron: str) -> dict[str, Any]:
    return {
        "func": function,
        "schedule_type": Schedule.CRON,
        "cron": cron,
        "repeats": -1,
        "minutes": None,
        "args": None,
        "kwargs": None,
        "hook": None,
        "cluster": None,
        "intended_date_kwarg": None,
    }
