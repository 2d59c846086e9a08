"""Analytics as the API tells them."""

from datetime import date
from typing import Any

from rest_framework import serializers

from loyalty_site.http.fields import Input, moment
from referrals.queries.segments import INACTIVE, SLUGS, Segment, Segments
from referrals.queries.velocity import Velocity
from referrals.segment_texts import LABELS


class VelocityQuery(Input):
    """`limit` (1 to 30, 10 by default) and `cursor` (from `nextCursor` of the page before)."""

    limit = serializers.IntegerField(min_value=1, max_value=30, default=10)
    cursor = serializers.CharField(required=False, max_length=1000)


class SegmentOutput(serializers.Serializer[Any]):
    """Averages are of the window, over the members of the segment."""

    slug = serializers.ChoiceField([*SLUGS, INACTIVE])
    label = serializers.CharField()  # type: ignore[assignment]
    member_count = serializers.IntegerField()
    average_invites_per_member = serializers.FloatField()
    average_conversions_per_member = serializers.FloatField()
    average_points_earned_per_member = serializers.FloatField()


class SegmentsOutput(serializers.Serializer[Any]):
    """Members by when they last did something, as of `computedAt`; `inactive` alone where there is nobody."""

    computed_at = serializers.DateTimeField()
    window_days = serializers.IntegerField()
    segments = SegmentOutput(many=True)


class VelocityOutput(serializers.Serializer[Any]):
    """What all members did in the window before `computedAt`."""

    computed_at = serializers.DateTimeField()
    window_days = serializers.IntegerField()
    total_invites = serializers.IntegerField()
    total_conversions = serializers.IntegerField()
    total_points_earned = serializers.IntegerField()
    invites_per_member = serializers.FloatField()
    conversions_per_member = serializers.FloatField()
    points_per_member = serializers.FloatField()


class VelocityPage(serializers.Serializer[Any]):
    """One snapshot a day, newest first; one counted now where none is stored."""

    snapshots = VelocityOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null at the end.")


def segments(found: Segments, language: str) -> dict[str, Any]:
    return {
        "computed_at": moment(found.computed_at),
        "window_days": found.window_days,
        "segments": [_segment(each, language) for each in found.segments],
    }


def _segment(segment: Segment, language: str) -> dict[str, Any]:
    return {
        "slug": segment.slug,
        "label": LABELS[segment.slug][language],
        "member_count": segment.members,
        "average_invites_per_member": segment.per_member(segment.invites),
        "average_conversions_per_member": segment.per_member(segment.conversions),
        "average_points_earned_per_member": segment.per_member(segment.points_earned),
    }


def velocity(found: Velocity) -> dict[str, Any]:
    return {
        "computed_at": moment(found.computed_at),
        "window_days": found.window_days,
        "total_invites": found.invites,
        "total_conversions": found.conversions,
        "total_points_earned": found.points_earned,
        "invites_per_member": found.per_member(found.invites),
        "conversions_per_member": found.per_member(found.conversions),
        "points_per_member": found.per_member(found.points_earned),
    }


def day(position: Any) -> date:
    """The day that a cursor leads on from."""
    return date.fromisoformat(position)
