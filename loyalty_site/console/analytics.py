"""The analytics page: what a merchant's members do, over a range of days, at all of its stores or at one.

What each figure means stands in docs/analytics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from loyalty.queries import cohorts
from loyalty.queries.liability import Liability
from loyalty.queries.stats import Moves
from loyalty_site.console import charts
from loyalty_site.console.charts import Chart
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant, Store
from loyalty_site.tenants.scoping import own_rows
from referrals.models import AnalyticsSnapshot
from referrals.queries import figures as counted
from referrals.queries import segments
from referrals.queries.segments import Segments

PERMISSION = "referrals.view_analyticssnapshot"
DAYS = 30
MOST_DAYS = 366
MOST_COHORTS = 13
HEALTHY_REDEMPTION, HEALTHY_RETENTION = 0.3, 0.4

SEGMENT_NAMES = [
    ("active", gettext_lazy("Active")),
    ("stalled", gettext_lazy("Stalled")),
    ("at-risk", gettext_lazy("At risk")),
    ("inactive", gettext_lazy("No members yet")),
]


class _Day(forms.DateField):
    def __init__(self, label: Any) -> None:
        super().__init__(label=label, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))


class RangeForm(forms.Form):
    """Whose figures, of which days (both included), and where."""

    merchant = forms.ModelChoiceField(
        Merchant.objects.none(), label=gettext_lazy("Merchant"), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    store = forms.ModelChoiceField(
        Store.objects.none(),
        label=gettext_lazy("Store"),
        required=False,
        empty_label=gettext_lazy("All stores"),
        widget=UnfoldAdminSelectWidget,
    )
    first = _Day(gettext_lazy("From"))
    last = _Day(gettext_lazy("Until"))

    def __init__(self, asked: Any, *, merchants: Any) -> None:
        super().__init__(asked)
        self.fields["merchant"].queryset = merchants  # type: ignore[attr-defined]
        try:
            chosen = merchants.filter(pk=asked.get("merchant")).first()
        except forms.ValidationError:
            chosen = None
        if chosen is not None:
            self.fields["store"].queryset = Store.objects.filter(merchant=chosen).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        for name, day in (("first", first), ("last", last)):
            if day is not None and not 1970 <= day.year < 2200:
                self.add_error(name, _("Choose a day between 1970 and 2199."))
        if first and last and not 0 <= (last - first).days < MOST_DAYS:
            self.add_error("last", _("The last day must follow the first, by at most 365 days."))
        return given


@dataclass(frozen=True, slots=True)
class Row:
    """One cohort, as it stands in the table: months as shares, and how strongly each is shaded (0 to 9)."""

    month: date
    members: int
    cells: list[tuple[int, int, int]]


def context(request: HttpRequest) -> dict[str, Any]:
    """What the page shows this user, for what was asked. Raises PermissionDenied."""
    if not permissions.holds_anywhere(request.user, PERMISSION):
        raise PermissionDenied
    merchants = own_rows(admin.site, request.user, Merchant, PERMISSION).order_by("name")
    first, last = _usual_days(timezone.now())
    asked = {
        "merchant": getattr(merchants.first(), "pk", None),
        "first": first.isoformat(),
        "last": last.isoformat(),
        **{name: value for name, value in request.GET.items() if "\x00" not in value},
    }
    form = RangeForm(asked, merchants=merchants)
    shown: dict[str, Any] = {"form": form, "title": _("Analytics")}
    if form.is_valid():
        shown |= figures(at=timezone.now(), **form.cleaned_data)
    return shown


def figures(*, merchant: Merchant, store: Store | None, first: date, last: date, at: datetime) -> dict[str, Any]:
    """The figures of the merchant from the first day to the last; segments and liability are those of now.

    For a merchant with very many members the usual days are those of the newest snapshot.
    """
    found = None
    if store is None and (first, last) == _usual_days(at):
        found = counted.newest(merchant)
    if found is None:
        found = counted.measured(merchant, first, last, at=at, store=store)
    snapshots = AnalyticsSnapshot.objects.filter(merchant=merchant, day__gte=first, day__lte=last).order_by("day")
    kept = list(snapshots.defer("figures"))
    latest = segments.latest(merchant, at)
    whole = found.whole
    return {
        "merchant": merchant,
        "store": store,
        "stored": found if found.is_stored else None,
        "moves": whole.moves,
        "whole": whole,
        "churned": found.churned,
        "by_day": _by_day(found.by_day),
        "by_store": sorted(
            found.by_store, key=lambda row: (row[0] is None, -row[1].points_issued, -row[1].transactions)
        ),
        "cohorts": _cohort_rows(found.cohorts),
        "owed": [_owed(each) for each in whole.liability if each.points],
        "segments": _named(latest),
        "computed_at": latest.computed_at,
        "over_time": _over_time(kept),
        "velocity": _velocity(kept),
        "healthy_redemption": HEALTHY_REDEMPTION,
        "healthy_retention": HEALTHY_RETENTION,
    }


def _usual_days(at: datetime) -> tuple[date, date]:
    """The days that the page shows by itself."""
    today = at.date()
    return today - timedelta(days=DAYS - 1), today


def _by_day(days: dict[date, Moves]) -> Chart:
    names = [_("Issued"), _("Redeemed"), _("Expired")]
    rows = []
    for bundle in _bundled(sorted(days.items())):
        sums = [
            sum(max(0, getattr(moves, name)) for _day, moves in bundle)
            for name in ("points_issued", "points_redeemed", "points_expired")
        ]
        rows.append((_label(bundle[0][0], bundle[-1][0]), sums))
    return charts.beside(names, rows)


def _over_time(kept: list[AnalyticsSnapshot]) -> Chart:
    names = [str(name) for _slug, name in SEGMENT_NAMES[:3]]
    rows = []
    for bundle in _bundled(kept):
        newest = bundle[-1]
        members = {row["slug"]: row["members"] for row in newest.segments}
        rows.append((_label(newest.day, newest.day), [members.get(slug, 0) for slug in segments.SLUGS]))
    return charts.stacked(names, rows)


def _velocity(kept: list[AnalyticsSnapshot]) -> list[tuple[str, Chart]]:
    newest = [bundle[-1] for bundle in _bundled(kept)]
    return [
        (name, charts.stacked([name], [(_label(each.day, each.day), [getattr(each, field)]) for each in newest]))
        for field, name in (
            ("points_earned", _("Points earned in 30 days")),
            ("invites", _("Invites in 30 days")),
            ("conversions", _("Conversions in 30 days")),
        )
    ]


def _named(found: Segments) -> list[tuple[Any, segments.Segment, float]]:
    """Each segment with its name and its share of all members, 0 to 1."""
    names = dict(SEGMENT_NAMES)
    of = found.total("members")
    return [(names[each.slug], each, each.members / of if of else 0.0) for each in found.segments]


def _cohort_rows(found: Sequence[cohorts.Cohort]) -> list[Row]:
    return [
        Row(
            cohort.month,
            cohort.members,
            [
                (since, active, round(9 * active / cohort.members))
                for since, active in enumerate(cohort.active[:MOST_COHORTS])
            ],
        )
        for cohort in found[-MOST_COHORTS:]
    ]


def _owed(owed: Liability) -> dict[str, Any]:
    rows = [(month or _("No date"), points, owed.worth(points)) for month, points in owed.by_month]
    return {
        "program": owed.program,
        "points": owed.points,
        "worth": owed.worth(owed.points),
        "rows": rows,
        "chart": charts.stacked([_("Points")], [(month, [max(0, points)]) for month, points, _worth in rows]),
    }


def _bundled(rows: Sequence[Any]) -> list[Any]:
    size = charts.bundles(len(rows))
    return [rows[number : number + size] for number in range(0, len(rows), size)]


def _label(first: date, last: date) -> str:
    shown = [date_format(day, "SHORT_DATE_FORMAT") for day in (first, last)]
    return shown[0] if first == last else f"{shown[0]} - {shown[1]}"
