"""Invites and guardrails, as members and operators are answered. The field lists are complete."""

from typing import Any

from rest_framework import serializers

from referrals.models import GuardrailOverride, Invite


class InviteOutput(serializers.Serializer[Any]):
    """An invite; `completedAt` is when the invitee became a customer by it."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    status = serializers.ChoiceField(Invite.Status.choices)
    reward_points = serializers.IntegerField()
    invitee_email = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class ConversionOutput(serializers.Serializer[Any]):
    """An invite, and when it last changed."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    status = serializers.ChoiceField(Invite.Status.choices)
    reward_points = serializers.IntegerField()
    invitee_email = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class StatusCounts(serializers.Serializer[Any]):
    """How many of the member's invites are where, whatever was asked for."""

    draft = serializers.IntegerField()
    sent = serializers.IntegerField()
    converted = serializers.IntegerField()
    expired = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class ConversionPage(serializers.Serializer[Any]):
    """Invites, newest first. `convertedPoints` were credited to the member; `lastActivity` is of the latest change."""

    invites = ConversionOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    status_counts = StatusCounts()
    converted_points = serializers.IntegerField()
    last_activity = serializers.DateTimeField(allow_null=True)


class OverrideOutput(serializers.Serializer[Any]):
    """An exception from the limits; without `targetMemberId` it is for all members."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(GuardrailOverride.Scope.choices)
    justification = serializers.CharField()
    metadata = serializers.DictField()
    target_member_id = serializers.UUIDField(allow_null=True)
    created_by_user_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    is_active = serializers.BooleanField()


class GuardrailsOutput(serializers.Serializer[Any]):
    """The limits, how near members are to them, and the latest hundred overrides, newest first.

    `cooldownUntil` is when nobody has to wait any more; null where nobody has to.
    """

    invite_quota = serializers.IntegerField()
    total_active_invites = serializers.IntegerField()
    members_at_quota = serializers.IntegerField()
    cooldown_seconds = serializers.IntegerField()
    cooldown_remaining_seconds = serializers.IntegerField()
    cooldown_until = serializers.DateTimeField(allow_null=True)
    throttle_override_active = serializers.BooleanField()
    overrides = OverrideOutput(many=True)


class MemberOverrideOutput(serializers.Serializer[Any]):
    """An override as a member sees it, in the timeline."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(GuardrailOverride.Scope.choices)
    justification = serializers.CharField()
    target_member_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    is_active = serializers.BooleanField()
