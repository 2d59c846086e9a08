"""What members and operators send about invites and guardrails."""

from rest_framework import serializers

from loyalty_site.http.fields import Id, Input, Metadata, Moment, Money, Reference, Text, WholeNumber
from loyalty_site.http.pagination import PageQuery
from referrals.models import GuardrailOverride, Invite
from referrals.operations.guardrails import LONGEST, SHORTEST


class Address(Text):
    """An e-mail address; whether it is one, the operation says."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, max_length=254)


class InviteInput(Input):
    """Whom to write to; without an address the member sends the link themselves."""

    invitee_email = Address()
    metadata = Metadata(required=False)


class OperatorInviteInput(Input):
    """As a member's invite, and what it gives; without `rewardPoints` the program's rule counts."""

    invitee_email = Address()
    reward_points = WholeNumber(required=False, min_value=1, max_value=10**12)
    metadata = Metadata(required=False)


class CancelInviteInput(Input):
    """Why, in the member's words."""

    reason = Text(required=False, allow_blank=True, allow_null=True, max_length=500)


class CompleteInput(Input):
    """Who came with which code, and the order that made it count."""

    code = Text(max_length=64)
    invitee_user_id = Id()
    order_reference = Reference(required=False)
    order_amount = Money(required=False)


class ConversionsQuery(PageQuery, Input):
    """`statuses` may be repeated."""

    statuses = serializers.ListField(
        child=serializers.ChoiceField(Invite.Status.choices), required=False, max_length=10
    )


class OverrideInput(Input):
    """An exception from the limits, for one member or for all, until it expires or another takes its place."""

    scope = serializers.ChoiceField(GuardrailOverride.Scope.choices)
    justification = Text(min_length=SHORTEST, max_length=LONGEST)
    target_member_id = Id(required=False, allow_null=True)
    actor_user_id = Id(required=False, allow_null=True)
    expires_at = Moment(required=False, allow_null=True)
    metadata = Metadata(required=False)
