"""What a replay reports: the keys of `reference.json`, computed from the file and the ledger alone."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from loyalty.models import ExpiryPolicy, Program
from loyalty.replay.figures import Balances, Ledger, Totals
from loyalty.replay.nights import Nights
from loyalty.replay.orders import Order
from loyalty.replay.reading import OrderFile
from loyalty.replay.rules import Rules

_MONTHS_TO_RETURN = 3


def report(file: OrderFile, program: Program, rules: Rules, *, until: datetime | None = None) -> dict[str, Any]:
    """`input`, the rule's own object, `cohorts` and `others` (data/RULES.md).

    `input` is of the whole file; all else is taken just after the last run not after `until`. It does not matter
    which call did how much of it. Rows left out are listed as `skipped_rows`, if there are any.
    """
    nights = Nights(file.orders[0].at, file.orders[-1].at, until)
    ledger = Ledger(program, nights.closing)
    last = max((order.at for order in file.orders if order.at <= nights.closing), default=None)
    found: dict[str, Any] = {
        "input": _input(file, nights),
        rules.name: _rule(ledger, rules, nights),
        "cohorts": _cohorts(ledger.cohorts(), _month_of(last) if last else 0),
        "others": _others(ledger, rules),
    }
    if until is not None:
        found["until"] = {"until": _instant(until), "closed_at": _instant(nights.closing)}
    if file.skipped:
        found["skipped_rows"] = [row.as_dict() for row in file.skipped]
    return found


def _input(file: OrderFile, nights: Nights) -> dict[str, Any]:
    return {
        "sha256": file.sha256,
        "rows": len(file.orders),
        "first": _instant(nights.first),
        "last": _instant(nights.last),
        "as_of": _instant(nights.as_of),
        "stores": len({order.store for order in file.orders}),
        "by_kind": _by_kind(file.orders),
    }


def _by_kind(orders: Iterable[Order]) -> dict[str, dict[str, Any]]:
    numbers: Counter[str] = Counter()
    totals = dict.fromkeys(("refund", "refund_guest", "sale", "sale_guest"), Decimal(0))
    for order in orders:
        kind = ("refund" if order.is_refund else "sale") + ("" if order.customer else "_guest")
        numbers[kind] += 1
        totals[kind] += order.amount
    return {kind: {"orders": numbers[kind], "total": f"{total:.2f}"} for kind, total in totals.items()}


def _rule(ledger: Ledger, rules: Rules, nights: Nights) -> dict[str, Any]:
    """The rule's object; the one of lots has no figures by month."""
    totals, balances = ledger.totals(), ledger.balances()
    if rules.policy == ExpiryPolicy.LOTS:
        return _sums(totals, balances, {"lots_expired": ledger.lots_expired()})
    by_month = ledger.by_month()
    runs = [run for run in nights if run.day == 1 or run == nights.closing]
    outstanding = ledger.outstanding_after(runs, nights.opening)
    return _sums(totals, balances, {"expiry_events": ledger.expiry_events()}) | {
        "issued_by_month": by_month["earn"],
        "taken_back_by_month": by_month["refund"],
        "expired_by_month": by_month["points_expired"],
        "outstanding_after_run": {_instant(run): balance for run, balance in zip(runs, outstanding, strict=True)},
    }


def _sums(totals: Totals, balances: Balances, expired: dict[str, int]) -> dict[str, Any]:
    return {
        "points_issued": totals.issued,
        "refund_points_requested": totals.requested,
        "refund_points_taken_back": totals.taken_back,
        "points_expired": totals.expired,
        "refund_points_shortfall": totals.requested - totals.taken_back,
        **expired,
        "points_outstanding": totals.outstanding,
        "members_with_balance_gt_0": balances.above_zero,
        "top10_balances": balances.top,
        "all_balances_sha256": balances.sha256,
    }


def _cohorts(matrix: dict[int, dict[int, int]], last_month: int) -> dict[str, Any]:
    months = []
    members_of_complete, active_of_complete = 0, 0
    for cohort, active in matrix.items():
        if cohort + _MONTHS_TO_RETURN > last_month:
            continue
        members, returned = active[0], active.get(_MONTHS_TO_RETURN, 0)
        complete = cohort + _MONTHS_TO_RETURN < last_month
        months.append(
            {
                "cohort": _month(cohort),
                "members": members,
                "active_month_3": returned,
                "retention_pct": _percent(returned, members),
                "month_3_complete": complete,
            }
        )
        if complete:
            members_of_complete += members
            active_of_complete += returned
    return {
        "month_3": months,
        "month_3_all_complete_cohorts": {
            "members": members_of_complete,
            "active": active_of_complete,
            "retention_pct": _percent(active_of_complete, members_of_complete),
        },
        "matrix": {
            _month(cohort): [active.get(since, 0) for since in range(last_month - cohort + 1)]
            for cohort, active in matrix.items()
        },
    }


def _others(ledger: Ledger, rules: Rules) -> dict[str, Any]:
    members, with_a_sale, churned, bronze, silver, gold, platinum = ledger.members()
    others: dict[str, Any] = {
        "members": members,
        "members_with_a_sale": with_a_sale,
        "tiers": {"bronze": bronze, "silver": silver, "gold": gold, "platinum": platinum},
        "churned_90d": churned,
    }
    if rules.stamp_min is not None:
        names = ("stamps", "completed_cards", "members_with_a_completed_card", "stamps_on_open_cards")
        others["stamps"] = dict(zip(names, ledger.stamps(), strict=True))
    return others


def _percent(part: int, whole: int) -> str | None:
    if not whole:
        return None
    return str((Decimal(100 * part) / whole).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _month_of(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _month(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"
