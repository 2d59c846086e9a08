"""Message texts: all of them at a glance, a preview on made-up values, a test to oneself."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from loyalty.admin.deeds import new_key
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant, Store, User
from loyalty_site.tenants.scoping import own_rows
from notifications.catalogue import CODES, LOCALES
from notifications.models import Channel, TemplateOverride
from notifications.models.templates import Wording
from notifications.operations import test_sends
from notifications.queries import wordings
from notifications.rendering import Rendered, compose, problems
from notifications.variables import Plain

LANGUAGES = {"en": "English", "fr": "Français", "de": "Deutsch", "lb": "Lëtzebuergesch"}
# The document of a preview: it runs nothing, sends nothing, and is shown on our own pages alone.
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text is sent, and in which language."""

    merchant: Merchant
    store: Store | None
    locale: str

    @property
    def query(self) -> dict[str, str]:
        return {
            "merchant": str(self.merchant.pk),
            "store": str(self.store.pk if self.store else ""),
            "locale": self.locale,
        }


def place_of(model_admin: Any, request: HttpRequest, given: QueryDict, permission: str) -> Place:
    """The place that was asked for; without one, the first merchant of the user's. Raises Http404."""
    mine = own_rows(model_admin.admin_site, request.user, Merchant, model_admin.permission(permission))
    asked = str(given.get("merchant") or "")
    merchant = mine.filter(pk=_id(asked)).first() if asked else mine.order_by("name").first()
    locale = str(given.get("locale") or LOCALES[0])
    if merchant is None or locale not in LOCALES:
        raise Http404
    store = None
    if given.get("store"):
        store = Store.objects.filter(merchant=merchant, pk=_id(str(given["store"]))).first()
        if store is None:
            raise Http404
    return Place(merchant, store, locale)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def overview(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Every message, whose text of it is sent, and the way to write one's own."""
    merchants = own_rows(model_admin.admin_site, request.user, Merchant, model_admin.permission("view"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Message texts"),
        "opts": model_admin.opts,
        "languages": LANGUAGES,
        "media": model_admin.media,
    }
    page = "admin/notifications/templateoverride/overview.html"
    if not merchants.exists():
        return TemplateResponse(request, page, context)
    place = place_of(model_admin, request, request.GET, "view")
    may_change = permissions.may(request.user, model_admin.permission("change"), place.merchant) and (
        model_admin.has_add_permission(request)
    )
    rows = wordings.in_force(
        merchant_id=place.merchant.pk, store_id=place.store.pk if place.store else None, locale=place.locale
    )
    return TemplateResponse(
        request,
        page,
        context
        | {
            "place": place,
            "merchants": list(merchants.order_by("name")[:500]),
            "stores": list(Store.objects.filter(merchant=place.merchant).order_by("name")[:500]),
            "rows": [_row(each, place) for each in rows],
            "may_change": may_change,
        },
    )


def _row(each: wordings.InForce, place: Place) -> dict[str, Any]:
    asked = urlencode({**place.query, "code": each.code.code, "channel": each.channel})
    own = each.stores if place.store else each.merchants
    return {
        "code": each.code,
        "channel": each.channel,
        "begins": _beginning(each.sent, place),
        "is_own": isinstance(each.sent, TemplateOverride),
        "is_of_store": each.stores is not None,
        "edit": reverse("admin:notifications_templateoverride_change", args=[own.pk])
        if own
        else f"{reverse('admin:notifications_templateoverride_add')}?{asked}",
        "has_own": own is not None,
        "preview": f"{reverse('admin:notifications_templateoverride_preview')}?{asked}",
    }


def _beginning(text: Wording | None, place: Place) -> str:
    """What a member would read first, on made-up values."""
    if text is None or problems(text):
        return ""
    rendered = compose(text, _samples(text, place), is_override=True)
    return rendered.subject or rendered.text


def _samples(text: Wording, place: Place) -> dict[str, Plain]:
    return CODES[text.code].samples(text.locale) | {"merchant.name": place.merchant.name}


def text_at(place: Place, code: str, channel: str) -> wordings.InForce:
    """The texts of one message at that place. Raises Http404."""
    store_id = place.store.pk if place.store else None
    for each in wordings.in_force(merchant_id=place.merchant.pk, store_id=store_id, locale=place.locale, code=code):
        if (each.code.code, each.channel) == (code, channel):
            return each
    raise Http404


# --- Preview --------------------------------------------------------------------------------------------------
@xframe_options_sameorigin
def preview(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """The text in force, or the one being typed, filled in with made-up values: a document that can do nothing."""
    given = QueryDict(mutable=True)
    given.update(request.GET)
    given.update(request.POST)
    place = place_of(model_admin, request, given, "view")
    there = text_at(place, given.get("code", ""), given.get("channel", ""))
    text: Wording | None = there.default if given.get("default") else there.sent
    if request.method == "POST":
        words = {name: given.get(name, "") for name in ("subject", "html", "text")}
        text = TemplateOverride(code=there.code.code, channel=there.channel, locale=place.locale, **words)
    response = HttpResponse(_document(text, place))
    response["Content-Security-Policy"] = _POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response


def _document(text: Wording | None, place: Place) -> str:
    if text is None:
        return _page(f"<p>{escape(_('There is no text for this message.'))}</p>")
    found = problems(text)
    if found:
        return _page("".join(f"<p>{escape(refusal.detail)}</p>" for refusal in found.values()))
    rendered = compose(text, _samples(text, place), is_override=True)
    return rendered.html if text.channel == Channel.EMAIL else _page(_bubble(rendered))


def _bubble(rendered: Rendered) -> str:
    title = f"<strong>{escape(rendered.subject)}</strong><br>" if rendered.subject else ""
    return f'<p class="bubble">{title}{escape(rendered.text)}</p>'


def _page(inside: str) -> str:
    return (
        "<!doctype html><html><head><meta charset='utf-8'><meta name='color-scheme' content='light dark'><style>"
        "body{font:16px/1.5 system-ui,sans-serif;margin:1.25rem;max-width:24rem;overflow-wrap:anywhere}"
        ".bubble{background:#8883;border-radius:14px;padding:.75rem 1rem;white-space:pre-line}"
        f"</style></head><body>{inside}</body></html>"
    )


# --- A test to oneself ----------------------------------------------------------------------------------------
def send_test(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Queue the e-mail in force there to the user's own address."""
    if request.method != "POST":
        raise Http404
    place = place_of(model_admin, request, request.POST, "change")
    there = text_at(place, request.POST.get("code", ""), Channel.EMAIL)
    user = cast(User, request.user)
    sent = test_sends.send_test(
        merchant=place.merchant,
        store_id=place.store.pk if place.store else None,
        code=there.code.code,
        locale=place.locale,
        user=user,
        key=_key(request.POST.get("key", "")),
        at=timezone.now(),
    )
    if sent:
        messages.success(request, _("A test is on its way to %s.") % user.email)
    own = there.stores if place.store else there.merchants
    if own is not None:
        return HttpResponseRedirect(reverse("admin:notifications_templateoverride_change", args=[own.pk]))
    return HttpResponseRedirect(
        f"{reverse('admin:notifications_templateoverride_changelist')}?{urlencode(place.query)}"
    )


def _key(given: str) -> str:
    """The form's own key, so that a double click sends once; one of ours where it is none."""
    return given if len(given) == 32 and given.isalnum() else new_key()
