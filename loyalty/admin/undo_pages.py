"""Undoing a run: first what it would give back and take back, then doing it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty.admin import mass, run_reading
from loyalty.admin.expiry_pages import SureForm
from loyalty.operations import undoing
from loyalty_site.jobs.models import Run
from loyalty_site.jobs.runs import RunExists
from loyalty_site.refusals import Refusal
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant

# Up to here each entry is looked at for what was given back before; above it the page says what PostgreSQL adds up.
_COUNTED = 20_000


class UndoForm(SureForm):
    """At which merchant, where the run worked for several."""

    merchant = forms.ModelChoiceField(
        Merchant.objects.none(),
        label=gettext_lazy("At"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        empty_label=gettext_lazy("Every merchant"),
    )
    field_order = ["merchant", "sure"]

    def __init__(self, *args: Any, merchants: QuerySet[Merchant], may_all: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["merchant"]
        field.queryset = merchants  # type: ignore[attr-defined]
        field.required = not may_all
        if not may_all:
            field.empty_label = None  # type: ignore[attr-defined]
            field.initial = merchants.first()


def undo_page(model_admin: Any, request: HttpRequest, run: Run) -> HttpResponse:
    """Show what an undo would still move; confirmed, do it as a run of its own. A form sent twice does it once."""
    merchants = _merchants(request, run)
    may_all = run.merchant_id is None and permissions.is_platform(request.user)
    form = UndoForm(request.POST if request.method == "POST" else None, row=run, merchants=merchants, may_all=may_all)
    chosen = None if may_all else [merchant.pk for merchant in merchants]
    size = run_reading.figures(run, chosen)
    left = None
    try:
        if size.entries <= _COUNTED:
            left = _left(run, None if may_all else merchants)
        if request.method == "POST" and form.is_valid():
            return _undo(request, run, form.cleaned_data["merchant"], form.cleaned_data["key"], size.entries)
    except undoing.NotUndoable as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("admin:jobs_run_change", args=[run.pk]))
    if len(merchants) == 1 and not may_all:
        form.fields["merchant"].widget = form.fields["merchant"].hidden_widget()
    return TemplateResponse(
        request,
        "admin/jobs/run/undo.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("Undo a run"),
            "subtitle": str(run),
            "opts": model_admin.opts,
            "original": run,
            "run": run,
            "form": form,
            "size": size,
            "left": left,
            "is_expiry": run.job == mass.EXPIRE,
            "back": reverse("admin:jobs_run_change", args=[run.pk]),
            "media": model_admin.media,
        },
    )


def _undo(request: HttpRequest, run: Run, merchant: Merchant | None, key: str, entries: int) -> HttpResponse:
    ids = (run.pk, merchant.pk if merchant else None, request.user.pk, key)
    try:
        if entries > mass.AT_ONCE:
            mass.later("undo", *ids)
        else:
            mass.undo(*ids)  # type: ignore[arg-type]
    except RunExists:
        pass  # sent twice: the page of the undo there is
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("admin:jobs_run_change", args=[run.pk]))
    return HttpResponseRedirect(reverse("admin:jobs_run_started", args=[merchant.pk if merchant else "all", key]))


def _merchants(request: HttpRequest, run: Run) -> QuerySet[Merchant]:
    """Where the user may undo it."""
    merchants = Merchant.objects.all()
    if run.merchant_id is not None:
        merchants = merchants.filter(pk=run.merchant_id)
    if not permissions.is_platform(request.user):
        merchants = merchants.filter(pk__in=permissions.merchants_where(request.user, "jobs.change_run"))
    return merchants


def _left(run: Run, merchants: QuerySet[Merchant] | None) -> undoing.Undoable:
    """What is left to undo, at these merchants together."""
    if merchants is None:
        return undoing.undoable(run_id=run.pk)
    parts = [undoing.undoable(run_id=run.pk, merchant_id=merchant.pk) for merchant in merchants]
    return undoing.Undoable(
        entries=sum(part.entries for part in parts),
        members=sum(part.members for part in parts),
        given_back=sum(part.given_back for part in parts),
        taken_back=sum(part.taken_back for part in parts),
        undone_before=sum(part.undone_before for part in parts),
    )
