"""The report for a person's eyes: one list of figures, and tables by month, cohort and member."""

from collections.abc import Mapping
from typing import Any

_BY_MONTH = ("issued_by_month", "taken_back_by_month", "expired_by_month")


def as_tables(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report's figures by name, and its series as rows."""
    [rule] = [name for name in report if name.startswith("rule_")]
    figures: dict[str, Any] = {}
    for name in ("input", rule, "others", "until"):
        figures |= _flat(name, {key: value for key, value in report.get(name, {}).items() if not _is_series(key)})
    figures |= _flat("cohorts.month_3_all", report["cohorts"]["month_3_all_complete_cohorts"])
    series = report[rule]
    tables: dict[str, Any] = {
        "Points by month": _by_month(series),
        "Points outstanding": [
            {"after the run of": run, "points": points}
            for run, points in series.get("outstanding_after_run", {}).items()
        ],
        "Highest balances": [{"customer": customer, "points": points} for customer, points in series["top10_balances"]],
        "Members who bought again in month 3": report["cohorts"]["month_3"],
        "Members who bought in month 0, 1, 2, ...": [
            {"cohort": cohort, "members": " ".join(map(str, members))}
            for cohort, members in report["cohorts"]["matrix"].items()
        ],
        "Rows left out": report.get("skipped_rows", []),
    }
    return figures | {name: rows for name, rows in tables.items() if rows}


def _is_series(name: str) -> bool:
    return name in (*_BY_MONTH, "outstanding_after_run", "top10_balances")


def _by_month(series: Mapping[str, Any]) -> list[dict[str, Any]]:
    months = sorted({month for name in _BY_MONTH for month in series.get(name, {})})
    return [
        {"month": month} | {name.removesuffix("_by_month"): series[name].get(month, 0) for name in _BY_MONTH}
        for month in months
    ]


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(f"{name}.{key}", inner)
    return flat
