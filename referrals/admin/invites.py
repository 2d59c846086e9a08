"""Invites, and what became of them."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from loyalty.admin.deeds import Deed, Done, ReasonForm
from loyalty.admin.entries import readable
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import User
from referrals.admin.pages import DeedAdmin, member_link
from referrals.admin.reading import evidence
from referrals.models import OPEN, Invite
from referrals.operations import invites, reviews

State = Invite.RewardState
COLOURS: dict[str, str] = {
    Invite.Status.DRAFT: "info",
    Invite.Status.SENT: "info",
    Invite.Status.CONVERTED: "success",
    Invite.Status.CANCELLED: "danger",
}
REWARD_COLOURS: dict[str, str] = {
    State.PENDING: "info",
    State.REVIEW: "warning",
    State.PAID: "success",
    State.DROPPED: "danger",
    State.REVERSING: "warning",
    State.REVERSED: "danger",
}


def _cancel(invite: Invite, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    done = invites.cancel(member=invite.referrer, invite_id=invite.pk, reason=typed["reason"], at=at)
    said = _("The invite is %(status)s.") % {"status": done.get_status_display().lower()}
    return Done(said, record=f"Cancelled: {typed['reason']}", mark=f"{invite.pk} {done.status}")


def _reject(invite: Invite, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    reviews.reject_conversion(invite_id=invite.pk, reason=typed["reason"], actor=actor, at=at)
    said = _("Rejected. What had been credited was taken back as far as it was there.")
    return Done(said, record=f"Conversion rejected: {typed['reason']}", mark=f"{invite.pk} rejected")


CANCEL = Deed(
    "cancel",
    gettext_lazy("Cancel the invite"),
    gettext_lazy("Cancel the invite"),
    _cancel,
    ReasonForm,
    gettext_lazy("Nobody can come with it any more."),
    possible=lambda invite: invite.status in OPEN,
)
REJECT = Deed(
    "reject",
    gettext_lazy("Reject the conversion"),
    gettext_lazy("Reject the conversion"),
    _reject,
    ReasonForm,
    gettext_lazy("Both sides lose what they were credited, as far as it is still there; the rest is not owed."),
    is_grave=True,
    possible=lambda invite: invite.reward_state in (State.PENDING, State.REVIEW, State.PAID),
)


@admin.register(Invite)
class InviteAdmin(DeedAdmin):
    """Read, cancelled, and rejected after the fact; made by members and back ends."""

    merchant_path = "merchant_id"
    deeds = (CANCEL, REJECT)
    list_display = ["created_at", "code", "inviter", "comer", "shown_status", "shown_reward", "points"]
    list_filter = ["status", "reward_state", "is_standing", ("created_at", PeriodFilter)]
    list_select_related = ["referrer", "invitee"]
    search_fields = ["=code", "=referrer__card_number", "=invitee_email"]
    search_help_text = gettext_lazy("Code, card number or e-mail address")
    ordering = ["-created_at", "-id"]
    fields = [
        "code", "shown_status", "shown_reward", "inviter", "comer", "invitee_email", "reward_points", "invitee_points",
        "order_reference", "order_amount", "created_at", "expires_at", "attached_at", "completed_at", "payable_at",
        "paid_at", "reason", "spoken_against", "facts",
    ]  # fmt: skip
    shown_if = {
        "comer": "invitee_id",
        "invitee_email": "invitee_email",
        "order_reference": "order_reference",
        "order_amount": "order_amount",
        "attached_at": "attached_at",
        "completed_at": "completed_at",
        "payable_at": "payable_at",
        "paid_at": "paid_at",
        "reason": "reason",
        "spoken_against": "signals",
        "facts": "metadata",
    }

    @display(description=gettext_lazy("Points"), ordering="reward_points")
    def points(self, invite: Invite) -> int:
        return invite.reward_points

    @display(description=gettext_lazy("member"))
    def inviter(self, invite: Invite) -> str:
        return member_link(invite.referrer)

    @display(description=gettext_lazy("invitee"))
    def comer(self, invite: Invite) -> str:
        return member_link(invite.invitee)

    @display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, invite: Invite) -> str:
        return pill(invite.get_status_display(), COLOURS.get(invite.status))

    @display(description=gettext_lazy("reward"), ordering="reward_state")
    def shown_reward(self, invite: Invite) -> str:
        return pill(invite.get_reward_state_display(), REWARD_COLOURS.get(invite.reward_state))

    @display(description=gettext_lazy("signals"))
    def spoken_against(self, invite: Invite) -> str:
        return evidence(invite.signals)

    @display(description=gettext_lazy("facts"))
    def facts(self, invite: Invite) -> str:
        return readable(invite.metadata)
