"""How the scheduled jobs are doing: one row a job, from the runs they left."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django_q.models import Schedule

from loyalty_site.schedules import SCHEDULES


@dataclass(frozen=True, slots=True)
class JobHealth:
    """A scheduled job: when it runs, how it last went, and how long ago it went well.

    `next_run_at` is None where the schedules were never synced; the rest is None before the first run.
    """

    job: str
    schedule: str
    next_run_at: datetime | None
    run_id: Any
    started_at: datetime | None
    finished_at: datetime | None
    status: str | None
    seconds: float | None
    counts: dict[str, Any] | None
    error: str | None
    last_success_at: datetime | None
    seconds_since_success: float | None


# A run for one merchant is somebody's repair, not the job's own.
_QUERY = """
    SELECT job.name, last.id, last.started_at, last.finished_at, last.status,
           extract(epoch FROM coalesce(last.finished_at, %(at)s) - last.started_at)::float8,
           last.counts::text, last.error, well.finished_at,
           extract(epoch FROM %(at)s - well.finished_at)::float8
      FROM unnest(%(jobs)s::text[]) AS job (name)
      LEFT JOIN LATERAL (
          SELECT r.* FROM job_runs r WHERE r.job = job.name AND r.merchant_id IS NULL
            ORDER BY r.started_at DESC LIMIT 1) last ON true
      LEFT JOIN LATERAL (
          SELECT r.finished_at FROM job_runs r
            WHERE r.job = job.name AND r.merchant_id IS NULL AND r.status = 'succeeded'
            ORDER BY r.started_at DESC LIMIT 1) well ON true
      ORDER BY job.name"""


def health(at: datetime) -> list[JobHealth]:
    """Every job of the schedules, by name."""
    due = dict(Schedule.objects.filter(name__in=SCHEDULES).values_list("name", "next_run"))
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, {"jobs": list(SCHEDULES), "at": at})
        rows = cursor.fetchall()
    return [
        JobHealth(
            job=name,
            schedule=SCHEDULES[name][1],
            next_run_at=due.get(name),
            run_id=run_id,
            started_at=started_at,
            finished_at=finished_at,
            status=status,
            seconds=seconds,
            counts=None if counts is None else json.loads(counts),
            error=error or None,
            last_success_at=well,
            seconds_since_success=age,
        )
        for name, run_id, started_at, finished_at, status, seconds, counts, error, well, age in rows
    ]
