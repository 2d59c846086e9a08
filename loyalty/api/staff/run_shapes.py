"""Runs as staff see them, and what they ask of them."""

from typing import Any

from rest_framework import serializers

from loyalty.api.staff.inputs import Slug
from loyalty.api.staff.pages import ListQuery
from loyalty_site.http.fields import Input, Moment, Text, moment
from loyalty_site.jobs.models import Run


class RunsQuery(ListQuery):
    merchant = Text(required=False, max_length=60)
    jobs = serializers.ListField(child=Text(max_length=100), required=False, help_text="Repeat it for several.")
    statuses = serializers.ListField(
        child=serializers.ChoiceField(Run.Status.choices), required=False, help_text="Repeat it for several."
    )


class ExpiryInput(Input):
    """Whose points, and as of when: now, where it is left out."""

    merchant = Slug()
    as_of = Moment(required=False)


class UndoInput(Input):
    """At which merchant; may be left out where the run, or the user, has one only."""

    merchant = Slug(required=False)


class TierPreviewOutput(serializers.Serializer[Any]):
    """The due members of one tier; null is no tier."""

    tier = serializers.CharField(allow_null=True)
    members = serializers.IntegerField()
    points = serializers.IntegerField()
    unwarned = serializers.IntegerField()


class ExpiryPreviewOutput(serializers.Serializer[Any]):
    """What a run would take and whom it would warn. `warned` and `unwarned` of the due members were warned or not."""

    merchant = serializers.CharField()
    as_of = serializers.DateTimeField()
    members = serializers.IntegerField()
    points = serializers.IntegerField()
    lots = serializers.IntegerField()
    warned = serializers.IntegerField()
    unwarned = serializers.IntegerField()
    to_warn = serializers.IntegerField()
    tiers = TierPreviewOutput(many=True)


class RunOutput(serializers.Serializer[Any]):
    """A run. One that works for every merchant has `merchant` null, and its counts are the platform's to see."""

    id = serializers.UUIDField()
    job = serializers.CharField()
    merchant = serializers.CharField(allow_null=True)
    trigger = serializers.ChoiceField(Run.Trigger.choices)
    actor_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(Run.Status.choices)
    as_of = serializers.DateTimeField(allow_null=True)
    undoes = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField(help_text="While it is queued: when it was asked for.")
    finished_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.DictField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class RunMovedOutput(serializers.Serializer[Any]):
    """What the run's entries add up to at the user's merchants."""

    entries = serializers.IntegerField()
    members = serializers.IntegerField()
    points_given = serializers.IntegerField()
    points_taken = serializers.IntegerField()


class RunDetailOutput(RunOutput):
    """A run, with what it moved and the runs that undid it."""

    moved = RunMovedOutput()
    undone_by = serializers.ListField(child=serializers.UUIDField())


def run(row: Run, *, is_all_seen: bool) -> dict[str, Any]:
    """The run; counts and errors of a run for every merchant only where `is_all_seen`."""
    shown = is_all_seen or row.merchant_id is not None
    return {
        "id": str(row.pk),
        "job": row.job,
        "merchant": row.merchant.slug if row.merchant else None,
        "trigger": row.trigger,
        "actor_id": str(row.actor_id) if row.actor_id and shown else None,
        "status": row.status,
        "as_of": moment(row.as_of),
        "undoes": str(row.undoes_id) if row.undoes_id else None,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "counts": row.counts if shown else None,
        # The first line says what happened; the rest is for whoever reads the log.
        "error": (row.error.partition("\n")[0] or None) if shown else None,
    }
