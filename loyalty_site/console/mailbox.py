"""What the demo kept and sent to nobody, mail, texts and pushes, for the platform's people: never in production."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from csp.constants import SELF
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from loyalty_site.tenants import permissions
from notifications.channels import sink
from notifications.models import Channel

SHOWN = 100


@dataclass(frozen=True)
class Kept:
    """One mail."""

    name: UUID
    sender: str
    recipient: str
    subject: str
    sent_at: datetime | None
    text: str
    html: str
    unsubscribe: str


def urls() -> list[Any]:
    """The addresses below the console's; each is a 404 where no folder of mail is set."""
    view = admin.site.admin_view
    return [
        path("mail/", view(mail_list), name="mail"),
        path("mail/<uuid:name>/", view(one_mail), name="mail_page"),
        path("mail/<uuid:name>/html/", view(its_html), name="mail_html"),
    ]


def is_there(request: HttpRequest) -> bool:
    """Whether there is a folder of mail, and the user may see every merchant's."""
    return bool(settings.MAIL_SINK) and permissions.is_platform(request.user)


def mail_list(request: HttpRequest) -> HttpResponse:
    """The latest mails."""
    names = sorted(_folder(request).glob("*.eml"), reverse=True)[:SHOWN]
    mails = [mail for name in names if (mail := _read(name)) is not None]
    return _page(request, "admin/mail/list.html", _("Mail that was sent"), mails=mails, short=_short())


def _short() -> list[dict[str, Any]]:
    """The latest text messages and pushes, newest first."""
    kept = [
        {**said, "channel": channel.label}
        for channel in (Channel.SMS, Channel.PUSH)
        for said in sink.latest(channel, SHOWN)
    ]
    return sorted(kept, key=itemgetter("at"), reverse=True)[:SHOWN]


def one_mail(request: HttpRequest, name: UUID) -> HttpResponse:
    """One mail: its head, its text, and its HTML in a frame that can do nothing."""
    mail = _found(request, name)
    response = _page(request, "admin/mail/page.html", mail.subject, mail=mail)
    response._csp_update = {"frame-src": [SELF]}  # type: ignore[attr-defined]
    return response


@xframe_options_sameorigin
def its_html(request: HttpRequest, name: UUID) -> HttpResponse:
    """The HTML part as it is, under a policy of its own: no script, no form, nothing from elsewhere."""
    response = HttpResponse(_found(request, name).html)
    response._csp_exempt = True  # type: ignore[attr-defined]
    response["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    )
    return response


def _page(request: HttpRequest, template: str, title: str, **more: Any) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **more})


def _folder(request: HttpRequest) -> Path:
    if not is_there(request):
        raise Http404
    return Path(settings.MAIL_SINK)


def _found(request: HttpRequest, name: UUID) -> Kept:
    mail = _read(_folder(request) / f"{name}.eml")
    if mail is None:
        raise Http404
    return mail


def _read(file: Path) -> Kept | None:
    try:
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    except FileNotFoundError:
        # Thrown away a moment ago, as the oldest.
        return None
    date = mail["Date"]
    return Kept(
        name=UUID(file.stem),
        sender=str(mail["From"] or ""),
        recipient=str(mail["To"] or ""),
        subject=str(mail["Subject"] or ""),
        sent_at=date.datetime if date is not None else None,
        text=_part(mail, "plain"),
        html=_part(mail, "html"),
        unsubscribe=str(mail["List-Unsubscribe"] or "").strip(" <>"),
    )


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
