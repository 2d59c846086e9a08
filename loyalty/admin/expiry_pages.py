"""What the next nights would take, and taking it now."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from loyalty.admin import mass
from loyalty.admin.deeds import KeyedForm
from loyalty.models import Program
from loyalty.operations import expiration
from loyalty_site.jobs.runs import RunExists
from loyalty_site.refusals import Refusal
from loyalty_site.tenants import permissions


class MomentForm(forms.Form):
    """For which moment to look ahead; times are UTC, as runs are."""

    at = forms.DateTimeField(
        label=gettext_lazy("At (UTC)"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"].replace(tzinfo=UTC)
        if not 2000 <= at.year <= 2100:
            raise forms.ValidationError(_("Choose a time between 2000 and 2100."))
        return at


class SureForm(KeyedForm):
    """A mass of points is about to move."""

    sure = forms.BooleanField(label=gettext_lazy("Do it now"), widget=UnfoldBooleanWidget)


def may_preview(request: HttpRequest, program: Program) -> bool:
    """Whoever sees a merchant's runs may see what one would do."""
    return permissions.may(request.user, "jobs.view_run", program.merchant_id)


def may_run(request: HttpRequest, program: Program) -> bool:
    return permissions.may(request.user, "jobs.add_run", program.merchant_id)


def preview(model_admin: Any, request: HttpRequest, program: Program) -> HttpResponse:
    """What a run at a chosen time would take and whom it would warn, as things stand."""
    if not may_preview(request, program):
        raise PermissionDenied
    night = expiration.next_night(timezone.now())
    form = MomentForm(request.GET if "at" in request.GET else {"at": f"{night:%Y-%m-%dT%H:%M}"})
    ahead = expiration.preview(program, form.cleaned_data["at"]) if form.is_valid() else None
    tiers = {tier.slug: tier.name for tier in program.tiers.all()}
    return TemplateResponse(
        request,
        "admin/loyalty/program/expiry.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("Expiry"),
            "subtitle": str(program),
            "opts": model_admin.opts,
            "original": program,
            "program": program,
            "form": form,
            "night": night,
            "preview": ahead,
            "tiers": [
                {"name": tiers.get(tier.tier or "", tier.tier) or _("No tier"), "row": tier}
                for tier in (ahead.tiers if ahead else [])
            ],
            "may_run": may_run(request, program),
            "media": model_admin.media,
        },
    )


def expire_now(model_admin: Any, request: HttpRequest, program: Program) -> HttpResponse:
    """Show what a run at this moment would take; confirmed, run it. A form sent twice runs once."""
    if not may_run(request, program):
        raise PermissionDenied
    form = SureForm(request.POST if request.method == "POST" else None)
    ahead = expiration.preview(program, expiration.last_run_time(timezone.now()))
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["key"]
        size = ahead.members + ahead.to_warn
        try:
            if size > mass.AT_ONCE:
                mass.later("expire", program.pk, request.user.pk, key)
            else:
                mass.expire(program.pk, request.user.pk, key)  # type: ignore[arg-type]
        except RunExists:
            pass  # sent twice: the page of the run there is
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("admin:jobs_run_started", args=[program.merchant_id, key]))
    return TemplateResponse(
        request,
        "admin/loyalty/program/expire_now.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("Expire points now"),
            "subtitle": str(program),
            "opts": model_admin.opts,
            "original": program,
            "program": program,
            "preview": ahead,
            "form": form,
            "back": reverse("admin:loyalty_program_expiry", args=[program.pk]),
            "media": model_admin.media,
        },
    )
