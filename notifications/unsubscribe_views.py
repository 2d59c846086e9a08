"""The page behind a marketing message's way out, and the call that mail programs make (RFC 8058)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty_site.tenants.models import Customer
from notifications import unsubscribing
from notifications.unsubscribe_texts import TEXTS


# Whoever posts has no cookie and no session: the token in the address is what counts (RFC 8058, 3.2).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """POST ends marketing messages at once; GET shows a page with a button and changes nothing."""
    customer = unsubscribing.customer_of(token)
    if customer is None:
        return _page(request, None, "unknown", status=404)
    if request.method == "POST":
        unsubscribing.withdraw(text=token, at=timezone.now())
        return _page(request, customer, "done")
    return _page(request, customer, "ask" if customer.marketing_consent else "done")


def _page(request: HttpRequest, customer: Customer | None, step: str, *, status: int = 200) -> HttpResponse:
    asked = customer.locale if customer is not None and customer.locale else translation.get_language() or "en"
    language = asked.partition("-")[0]
    texts = TEXTS.get(language, TEXTS["en"])
    merchant = customer.merchant.name if customer is not None else ""
    context = {
        "language": language if language in TEXTS else "en",
        "title": texts[f"{step}_title"],
        "text": texts[step].replace("{merchant}", merchant),
        "button": texts["button"] if step == "ask" else "",
    }
    response = render(request, "notifications/unsubscribe.html", context, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
