"""Pages on which something is done to a row: a form, one operation, a message.

The form carries a hidden key that becomes the ledger's, so that a form sent twice does it once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from loyalty import ledger
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import User


def new_key() -> str:
    """A key nobody has used."""
    return uuid4().hex


class KeyedForm(forms.Form):
    """A form that counts once. `row` is what it is about."""

    key = forms.CharField(widget=forms.HiddenInput, validators=[RegexValidator(r"^[0-9a-f]{32}$")], initial=new_key)

    def __init__(self, *args: Any, row: Any = None, **more: Any) -> None:
        self.row = row
        super().__init__(*args, **more)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is good to know before sending it: names and figures."""
        return []


class ReasonForm(KeyedForm):
    """With a reason, which the ledger keeps."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy("Stands in the member's ledger for good, beside your name."),
    )


@dataclass(frozen=True)
class Done:
    """What was done: a sentence for the person, one for the record, and what makes it this deed and no second one."""

    said: str
    record: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Deed:
    """Something staff do to a row. `do` calls one operation with the row, what was typed, who and when."""

    name: str
    title: Any
    button: Any
    do: Callable[[Any, dict[str, Any], User, datetime], Done]
    form: type[KeyedForm] = KeyedForm
    intro: Any = ""
    is_grave: bool = False
    possible: Callable[[Any], bool] = field(default=lambda row: True)


def perform(model_admin: Any, request: HttpRequest, row: Any, deed: Deed, *, back: str) -> HttpResponse:
    """Show the deed's form; sent, do it and go `back`. A refusal is shown in the form, and nothing has moved.

    Raises PermissionDenied for who may not change such a row.
    """
    if not model_admin.has_change_permission(request, row):
        raise PermissionDenied
    if not deed.possible(row):
        messages.info(request, _("There is nothing to do here any more."))
        return HttpResponseRedirect(back)
    sent = request.method == "POST"
    form = deed.form(request.POST if sent else None, request.FILES if sent else None, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                done = deed.do(row, form.cleaned_data, request.user, timezone.now())  # type: ignore[arg-type]
                # As it is now: the record must not name a person who was just forgotten.
                row.refresh_from_db()
                _record(model_admin, request, row, done)
        except ledger.KeyReused:
            form.add_error(None, _("This form was sent before with other values. Open it anew for another correction."))
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
        else:
            messages.success(request, done.said)
            return HttpResponseRedirect(back)
    return TemplateResponse(
        request,
        "admin/deed.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": deed.title,
            "subtitle": f"{row.customer}, {row}" if hasattr(row, "customer") else str(row),
            "opts": model_admin.opts,
            "original": row,
            "deed": deed,
            "form": form,
            "back": back,
            "media": model_admin.media,
        },
    )


def _record(model_admin: Any, request: HttpRequest, row: models.Model, done: Done) -> None:
    """Write it into the row's history; the same deed again, from a form sent twice, is not written twice."""
    kind = ContentType.objects.get_for_model(row)
    if done.mark and (
        LogEntry.objects.filter(
            user=request.user.pk, content_type=kind, object_id=str(row.pk), change_message__contains=done.mark
        ).exists()
    ):
        return
    record = done.record or done.said
    model_admin.log_change(request, row, f"{record} [{done.mark}]" if done.mark else record)
