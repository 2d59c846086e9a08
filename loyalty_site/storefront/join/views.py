"""The page on which people join a merchant's program by themselves."""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.operations.enrollment import InvalidPerson, Person
from loyalty_site.http import credentials
from loyalty_site.storefront import funnel, visitors
from loyalty_site.storefront.join import joining, pages, requests
from loyalty_site.storefront.join.forms import JoinForm
from loyalty_site.storefront.join.pages import Page
from loyalty_site.storefront.join.texts import LANGUAGES
from loyalty_site.storefront.models import FunnelStep
from referrals.models import ConvertsOn
from referrals.queries.offers import Offer, State

_NOTHING_TO_SEE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """GET shows the form; POST enrols, and answers members and new ones alike."""
    page = pages.find(request, merchant_slug)
    at = timezone.now()
    offer = page.offer(at)
    today = at.astimezone(page.program.zone).date()
    if request.method != "POST":
        # A browser that looks ahead is nobody who has opened the page.
        is_ahead = "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
        if request.method == "GET" and not is_ahead:
            funnel.count(page.merchant.pk, FunnelStep.VIEW, at=at)
        return _form(request, page, JoinForm(words=page.words, today=today), offer)
    form = JoinForm(request.POST, words=page.words, today=today)
    if wait := _seconds_to_wait(request, page):
        form.add_error(None, page.words["slower"].replace("{seconds}", str(wait)))
        response = _form(request, page, form, offer, status=429)
        response["Retry-After"] = str(wait)
        return response
    if request.POST.get("homepage"):
        # Told what everybody is told, so that it learns nothing.
        return _thanked(page, offer)
    funnel.count(page.merchant.pk, FunnelStep.SUBMIT, at=at)
    if not form.is_valid():
        return _form(request, page, form, offer, status=422)
    person = form.person(page.language)
    try:
        if page.program.double_opt_in:
            code = offer.code if offer is not None else ""
            requests.ask(program=page.program, person=person, code=code, base=pages.base(request), at=at)
            return _thanked(page, offer)
        return enrolled(request, page, person, offer, at)
    except InvalidPerson as refusal:
        field = refusal.facts["field"]
        form.add_error(field, page.words[f"wrong_{field}"])
        return _form(request, page, form, offer, status=422)


def enrolled(request: HttpRequest, page: Page, person: Person, offer: Offer | None, at: datetime) -> HttpResponse:
    """Enrol the person and answer members and new ones alike. Raises `InvalidPerson`."""
    footprint = visitors.footprint(request)
    if joining.join(program=page.program, person=person, offer=offer, footprint=footprint, at=at):
        funnel.count(page.merchant.pk, FunnelStep.SUCCESS, at=at)
    response = _thanked(page, offer, is_done=True)
    visitors.remember(response, footprint.device)
    return response


@require_safe
def thanks(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """What follows the form: the same for whoever sent it, and for whoever opens the address."""
    page = pages.find(request, merchant_slug)
    words = page.words
    invited = request.GET.get("invited", "")
    note = words["counts"] if invited == State.OPEN else words.get(f"offer_{invited}", "")
    is_asked = page.program.double_opt_in and "done" not in request.GET
    text = words["thanks_confirm" if is_asked else "thanks"]
    return shown(request, page, "join/thanks.html", {"note": note, "text": text, "code": ""})


@require_safe
def start(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """An empty picture, which the page's style asks for once the form is begun: so that it can be counted."""
    page = pages.find(request, merchant_slug)
    if request.method == "GET":
        funnel.count(page.merchant.pk, FunnelStep.START, at=timezone.now())
    response = HttpResponse(_NOTHING_TO_SEE, content_type="image/gif")
    # Once for each time somebody comes: until then the browser need not ask again.
    response["Cache-Control"] = "private, max-age=1800"
    return response


def _seconds_to_wait(request: HttpRequest, page: Page) -> int:
    """0, or how long the form must not be sent from here, or to this merchant, any more."""
    merchant = page.merchant.pk
    counted = []
    if address := visitors.address(request):
        subject = visitors.subject(merchant, address)
        counted.append(credentials.count(subject, limit=settings.RATE_LIMIT_JOIN_ADDRESS))
    # One address that is over its limit does not use up the others' share.
    if not any(usage.exceeded for usage in counted):
        counted.append(credentials.count(f"join:{merchant}", limit=settings.RATE_LIMIT_JOIN_MERCHANT))
    return max((usage.resets_in for usage in counted if usage.exceeded), default=0)


def _thanked(page: Page, offer: Offer | None, *, is_done: bool = False) -> HttpResponseRedirect:
    """To a page of its own, so that reloading it sends nothing again."""
    invited = str(offer.state) if offer is not None else ""
    done = "1" if is_done and page.program.double_opt_in else ""
    response = HttpResponseRedirect(page.address("join-thanks", lang=page.language, invited=invited, done=done))
    response.status_code = 303
    response["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, page: Page, form: JoinForm, offer: Offer | None, *, status: int = 200) -> HttpResponse:
    gifts, note = _promised(request, page, offer)
    context = {
        "form": form,
        "action": page.address("join", lang=page.language, ref=page.code[:64]),
        "start": page.address("join-start"),
        "gifts": gifts,
        "is_invited": offer is not None and offer.state == State.OPEN and not note,
        "note": note,
        "code": page.code[:64],
    }
    return shown(request, page, "join/page.html", context, status=status)


def _promised(request: HttpRequest, page: Page, offer: Offer | None) -> tuple[list[str], str]:
    """What whoever joins gets, and what is to be said of an invitation that does not count."""
    words, gifts, note = page.words, [], ""
    if page.program.welcome_bonus:
        gifts.append(words["welcome_gift"].replace("{points}", page.points(page.program.welcome_bonus)))
    if offer is None:
        return gifts, note
    if offer.state != State.OPEN:
        return gifts, words[f"offer_{offer.state}"]
    inviter = str(offer.inviter_customer_id)
    if inviter == visitors.customer_id(request, page.merchant.pk):
        return gifts, words["offer_own"]
    if offer.points and offer.rules is not None:
        on_order = offer.rules.converts_on == ConvertsOn.FIRST_ORDER
        text = words["order_gift" if on_order else "friend_gift"]
        gifts.append(text.replace("{points}", page.points(offer.points)))
    return gifts, note


def shown(
    request: HttpRequest, page: Page, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """One of the merchant's pages, with the way to it in the other languages."""
    languages = [
        {"code": code, "name": name, "address": _here(request, page, code, context["code"])}
        for code, name in LANGUAGES.items()
    ]
    given = {"words": page.words, "language": page.language, "languages": languages, "page": page}
    response = render(request, template, {**given, **context}, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _here(request: HttpRequest, page: Page, language: str, code: str) -> str:
    """This page in another language."""
    query = {"lang": language, "ref": code, "invited": request.GET.get("invited", "")[:20]}
    query["done"] = request.GET.get("done", "")[:1]
    return f"{request.path}?{urlencode({name: text for name, text in query.items() if text})}"
