"""The queue of rewards that wait for a person."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from loyalty.admin.deeds import Deed, Done, ReasonForm, new_key
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import User
from referrals.admin.pages import DeedAdmin, link, person_link
from referrals.admin.reading import SHORT, evidence
from referrals.models import ReferralReview
from referrals.operations import reviews

Status = ReferralReview.Status
COLOURS: dict[str, str] = {Status.OPEN: "warning", Status.APPROVED: "success", Status.REJECTED: "danger"}


class DecisionForm(ReasonForm):
    """With what speaks against the conversion, and what it is about."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["reason"].help_text = _("Stays with the review, beside your name.")

    @property
    def facts(self) -> list[tuple[str, str]]:
        invite = self.row.invite
        return [
            (_("Risk"), str(invite.risk_score)),
            (_("Points"), f"{invite.reward_points:,} + {invite.invitee_points:,}"),
            (_("Signals"), evidence(invite.signals, SHORT)),
        ]


class ApprovalForm(DecisionForm):
    """With a reason at hand, so that one click will do: most cases are households."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["reason"].initial = _("Looked at: nothing wrong.")
        self.fields["reason"].required = False

    def clean_reason(self) -> str:
        return str(self.cleaned_data["reason"]).strip() or _("Looked at: nothing wrong.")


def _approve(review: ReferralReview, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    reviews.approve(review_id=review.pk, reason=typed["reason"], actor=actor, at=at)
    points = review.invite.reward_points
    return Done(
        _("Approved: both sides have their points."),
        record=f"Approved, {points:,} points: {typed['reason']}",
        mark=f"{review.pk} approved",
    )


def _reject(review: ReferralReview, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    reviews.reject(review_id=review.pk, reason=typed["reason"], actor=actor, at=at)
    return Done(
        _("Rejected: nobody keeps points of it."), record=f"Rejected: {typed['reason']}", mark=f"{review.pk} rejected"
    )


APPROVE = Deed(
    "approve",
    gettext_lazy("Approve"),
    gettext_lazy("Approve"),
    _approve,
    ApprovalForm,
    gettext_lazy("Both sides are credited at once."),
    possible=lambda review: review.status == Status.OPEN,
)
REJECT = Deed(
    "reject",
    gettext_lazy("Reject"),
    gettext_lazy("Reject"),
    _reject,
    DecisionForm,
    gettext_lazy("Nobody is credited; what was credited already is taken back as far as it is there."),
    is_grave=True,
    possible=lambda review: review.status != Status.REJECTED,
)


@admin.register(ReferralReview)
class ReferralReviewAdmin(DeedAdmin):
    """What is most urgent stands first; what was decided stays, with who and why."""

    merchant_path = "merchant_id"
    deeds = (APPROVE, REJECT)
    list_display = ["shown_status", "due", "code", "inviter", "comer", "risk", "in_short", "at_once"]
    change_form_template = "admin/referrals/referralreview/page.html"
    list_filter = ["status"]
    list_select_related = ["invite__referrer__customer", "invite__invitee__customer"]
    search_fields = ["=invite__code", "=invite__referrer__card_number"]
    search_help_text = gettext_lazy("Code or card number")
    ordering = [F("decided_at").desc(nulls_first=True), "due_at", "id"]
    fields = [
        "shown_status", "due", "code", "inviter", "comer", "risk", "spoken_against", "points", "created_at",
        "decided_at", "decided_by", "reason",
    ]  # fmt: skip
    shown_if = {"decided_at": "decided_at", "decided_by": "decided_by_id", "reason": "reason"}

    @display(description=gettext_lazy("state"), ordering="status")
    def shown_status(self, review: ReferralReview) -> str:
        return pill(review.get_status_display(), COLOURS.get(review.status))

    @display(description=gettext_lazy("decide by"), ordering="due_at")
    def due(self, review: ReferralReview) -> Any:
        if review.status == Status.OPEN and review.due_at <= timezone.now():
            late = pill(_("Overdue"), "danger")
            return format_html("<div>{} {}</div>", late, date_format(timezone.localtime(review.due_at), "DATE_FORMAT"))
        return review.due_at

    @display(description=gettext_lazy("invite"))
    def code(self, review: ReferralReview) -> str:
        return link("referrals_invite", review.invite_id, review.invite.code)

    @display(description=gettext_lazy("member"))
    def inviter(self, review: ReferralReview) -> str:
        return person_link(review.invite.referrer)

    @display(description=gettext_lazy("invitee"))
    def comer(self, review: ReferralReview) -> str:
        return person_link(review.invite.invitee)

    @display(description=gettext_lazy("risk"), ordering="invite__risk_score")
    def risk(self, review: ReferralReview) -> int:
        return review.invite.risk_score

    @display(description=gettext_lazy("signals"))
    def spoken_against(self, review: ReferralReview) -> str:
        return evidence(review.invite.signals)

    @display(description=gettext_lazy("signals"))
    def in_short(self, review: ReferralReview) -> str:
        return evidence(review.invite.signals, SHORT)

    @display(description=gettext_lazy("decide"))
    def at_once(self, review: ReferralReview) -> str:
        """Approve with one click, as the form would be sent; a rejection says why on the review's page.

        The list is a form already, so the button only names another address and the key of this approval.
        """
        if not APPROVE.possible(review):
            return "-"
        return format_html(
            '<div class="console-actions"><button type="submit" class="console-button" formaction="{}" name="key"'
            ' value="{}">{}</button><a class="console-button" href="{}">{}</a></div>',
            reverse("admin:referrals_referralreview_approve", args=[review.pk]),
            new_key(),
            APPROVE.button,
            reverse("admin:referrals_referralreview_reject", args=[review.pk]),
            REJECT.button,
        )

    def get_list_display(self, request: HttpRequest) -> list[str]:
        shown = list(self.list_display)
        # Who may only look is offered nothing.
        return shown if self.has_change_permission(request) else shown[:-1]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(request, object_id, form_url, {"decision": DecisionForm(), **(extra_context or {})})

    @display(description=gettext_lazy("points"))
    def points(self, review: ReferralReview) -> str:
        return f"{review.invite.reward_points:,} + {review.invite.invitee_points:,}"
