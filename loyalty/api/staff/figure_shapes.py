"""Figures as staff see them: statistics, jobs, and whether the books balance."""

from dataclasses import asdict
from datetime import date
from typing import Any

from rest_framework import serializers

from loyalty.queries.jobs import JobHealth
from loyalty.queries.liability import Liability
from loyalty.queries.stats import MerchantStats, Moves, Share, Stats
from loyalty_site.http.fields import Input, Text, moment

MOST_DAYS = 366


class StatsQuery(Input):
    """The days from `first` to `last`, both included, at most 366; the last 30 where they are left out."""

    merchant = Text(required=False, max_length=60)
    first = serializers.DateField(required=False)
    last = serializers.DateField(required=False)

    default_error_messages = {"period": "The last day must follow the first, by at most 365 days, from 1970 to 2199."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name, day in attrs.items():
            if isinstance(day, date) and not 1970 <= day.year < 2200:
                raise self._wrong(name)
        if "first" in attrs and "last" in attrs and not 0 <= (attrs["last"] - attrs["first"]).days < MOST_DAYS:
            raise self._wrong("last")
        return attrs

    def _wrong(self, name: str) -> serializers.ValidationError:
        return serializers.ValidationError(
            {name: serializers.ErrorDetail(str(self.error_messages["period"]), "period")}
        )


class MerchantQuery(Input):
    """One merchant, or every one of the user's."""

    merchant = Text(required=False, max_length=60)


class MovesOutput(serializers.Serializer[Any]):
    """issued - redeemed - expired + corrected is what balances moved by."""

    transactions = serializers.IntegerField()
    enrolments = serializers.IntegerField()
    points_issued = serializers.IntegerField()
    points_redeemed = serializers.IntegerField()
    points_expired = serializers.IntegerField()
    points_corrected = serializers.IntegerField()
    stamps = serializers.IntegerField()
    stamp_cards_redeemed = serializers.IntegerField()
    redemption_ratio = serializers.FloatField(allow_null=True)


class DayOutput(MovesOutput):
    day = serializers.DateField()


class StoreMovesOutput(MovesOutput):
    """What happened at one store; null is at none."""

    merchant = serializers.CharField()
    store_id = serializers.UUIDField(allow_null=True)
    store = serializers.CharField(allow_null=True)


class ShareOutput(serializers.Serializer[Any]):
    """`those` of so many `of`; the ratio is null where there is nobody."""

    of = serializers.IntegerField()
    those = serializers.IntegerField()
    ratio = serializers.FloatField(allow_null=True)


class AdoptionOutput(serializers.Serializer[Any]):
    """Active members, and how many of them carry the card in a wallet: none as long as no pass is given out."""

    members = serializers.IntegerField()
    passes = serializers.IntegerField()


class MonthOutput(serializers.Serializer[Any]):
    """Points that expire in a month (YYYY-MM) as things stand; null is without a date."""

    month = serializers.CharField(allow_null=True)
    points = serializers.IntegerField()
    value = serializers.CharField()


class LiabilityOutput(serializers.Serializer[Any]):
    """Unspent points of a program now, and their value in its currency."""

    program_id = serializers.UUIDField()
    currency = serializers.CharField()
    points = serializers.IntegerField()
    value = serializers.CharField()
    by_month = MonthOutput(many=True)


class MerchantMovesOutput(MovesOutput):
    """`activeMembers`: those with a visit in the period. `stampCompletion`: of the members who got a stamp, those whose
    card was full. `retentionMonth3`: of the members whose third calendar month after that of their first visit ended
    in the period, those who came in it."""

    merchant = serializers.CharField()
    active_members = serializers.IntegerField()
    stamp_completion = ShareOutput()
    retention_month3 = ShareOutput()
    wallet_adoption = AdoptionOutput()
    liability = LiabilityOutput(many=True)


class StatsOutput(serializers.Serializer[Any]):
    """Figures of a period; days are those of each program's time zone."""

    first = serializers.DateField()
    last = serializers.DateField()
    totals = MovesOutput()
    by_day = DayOutput(many=True)
    by_store = StoreMovesOutput(many=True)
    by_merchant = MerchantMovesOutput(many=True)


class JobOutput(serializers.Serializer[Any]):
    """A scheduled job, its last run for every merchant, and how long ago it went well. Times are UTC.

    Counts and errors are those of every merchant together, and the platform's to see.
    """

    job = serializers.CharField()
    schedule = serializers.CharField(help_text="A cron expression.")
    next_run_at = serializers.DateTimeField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    counts = serializers.DictField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    seconds_since_success = serializers.FloatField(allow_null=True)


class JobsOutput(serializers.Serializer[Any]):
    """Every job of the schedules."""

    jobs = JobOutput(many=True)


class DifferenceOutput(serializers.Serializer[Any]):
    """One figure of one member that does not say what the ledger says."""

    member_id = serializers.UUIDField()
    card_number = serializers.CharField()
    check = serializers.CharField()
    kept = serializers.IntegerField()
    ledger = serializers.IntegerField()


class BooksOutput(serializers.Serializer[Any]):
    """A merchant's books: balance = entries = dated + undated, held = openRedemptions, and what differs by member."""

    merchant = serializers.CharField()
    is_balanced = serializers.BooleanField()
    members = serializers.IntegerField()
    balance = serializers.IntegerField()
    entries = serializers.IntegerField()
    dated = serializers.IntegerField()
    undated = serializers.IntegerField()
    held = serializers.IntegerField()
    open_redemptions = serializers.IntegerField()
    differences = DifferenceOutput(many=True)
    is_complete = serializers.BooleanField(help_text="False where there are more differences than are listed.")


class ReconciliationOutput(serializers.Serializer[Any]):
    """Whether every figure kept beside the ledger agrees with it."""

    is_balanced = serializers.BooleanField()
    merchants = BooksOutput(many=True)


def _moves(moves: Moves) -> dict[str, Any]:
    return asdict(moves) | {"redemption_ratio": moves.redemption_ratio}


def _share(share: Share) -> dict[str, Any]:
    return {"of": share.of, "those": share.those, "ratio": share.ratio}


def _liability(owed: Liability) -> dict[str, Any]:
    return {
        "program_id": str(owed.program.pk),
        "currency": owed.program.currency,
        "points": owed.points,
        "value": str(owed.worth(owed.points)),
        "by_month": [
            {"month": month, "points": points, "value": str(owed.worth(points))} for month, points in owed.by_month
        ],
    }


def _merchant(one: MerchantStats) -> dict[str, Any]:
    return _moves(one.moves) | {
        "merchant": one.merchant.slug,
        "active_members": one.visitors,
        "stamp_completion": _share(one.stamp_completion),
        "retention_month3": _share(one.retention),
        "wallet_adoption": {"members": one.members, "passes": 0},
        "liability": [_liability(owed) for owed in one.liability],
    }


def stats(found: Stats) -> dict[str, Any]:
    """The figures, without their period."""
    return {
        "totals": _moves(found.totals),
        "by_day": [{"day": day.isoformat(), **_moves(moves)} for day, moves in sorted(found.by_day.items())],
        "by_store": [
            {
                "merchant": merchant.slug,
                "store_id": str(store.pk) if store else None,
                "store": store.reference if store else None,
                **_moves(moves),
            }
            for merchant, store, moves in found.by_store
        ],
        "by_merchant": [_merchant(one) for one in found.by_merchant],
    }


def job(health: JobHealth, *, is_all_seen: bool) -> dict[str, Any]:
    """A job's health; counts and error only where `is_all_seen`."""
    shown = asdict(health)
    for name in ("next_run_at", "started_at", "finished_at", "last_success_at"):
        shown[name] = moment(shown[name])
    shown["run_id"] = str(health.run_id) if health.run_id else None
    shown["error"] = health.error.partition("\n")[0] if health.error else None
    if not is_all_seen:
        shown["counts"] = shown["error"] = None
    return shown
