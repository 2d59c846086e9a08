"""What a run did, to those merchants whose figures the reader may see."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from loyalty.models import LedgerEntry
from loyalty_site.jobs.models import Run

SHOWN = 25


@dataclass(frozen=True)
class Figures:
    """What the run's entries add up to."""

    entries: int
    members: int
    given: int
    taken: int

    def as_table(self) -> list[tuple[str, int]]:
        return [
            (str(_("entries")), self.entries),
            (str(_("members")), self.members),
            (str(_("points taken")), self.taken),
            (str(_("points given")), self.given),
        ]


def of_run(run: Run, merchants: list[UUID] | None) -> QuerySet[LedgerEntry]:
    """The run's entries at these merchants; None is every one."""
    rows = LedgerEntry.objects.filter(run_id=run.pk)
    return rows if merchants is None else rows.filter(merchant_id__in=merchants)


def figures(run: Run, merchants: list[UUID] | None) -> Figures:
    """Added up by PostgreSQL, by the index of the run's entries."""
    sums = of_run(run, merchants).aggregate(
        entries=Count("pk"),
        members=Count("member_id", distinct=True),
        given=Sum("points_delta", filter=Q(points_delta__gt=0)),
        taken=Sum("points_delta", filter=Q(points_delta__lt=0)),
    )
    return Figures(sums["entries"], sums["members"], sums["given"] or 0, -(sums["taken"] or 0))


def entries(run: Run, merchants: list[UUID] | None) -> list[LedgerEntry]:
    """The latest of them, with their members."""
    return list(of_run(run, merchants).select_related("member").order_by("-pk")[:SHOWN])


def undoings(run: Run, merchants: list[UUID] | None) -> list[Run]:
    """The runs that undid it; a shared run is undone merchant by merchant."""
    rows = Run.objects.filter(undoes=run).order_by("started_at")
    return list(rows if merchants is None else rows.filter(merchant_id__in=merchants))
