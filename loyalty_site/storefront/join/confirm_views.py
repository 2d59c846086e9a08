"""The page behind the link in the mail that has an address confirmed."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from loyalty_site.storefront.join import pages, requests, views
from loyalty_site.storefront.join.forms import SOURCE
from loyalty_site.storefront.join.texts import TEXTS


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, merchant_slug: str, token: str) -> HttpResponse:
    """GET shows a button and changes nothing, for mail programs follow links too; POST enrols."""
    page, at = pages.find(request, merchant_slug), timezone.now()
    found = requests.found(page.merchant, token, at=at)
    if found is None:
        form = page.address("join", lang=page.language)
        return views.shown(request, page, "join/confirm.html", {"over": True, "form": form, "code": ""}, status=404)
    language = page.language if "lang" in request.GET or found.locale not in TEXTS else found.locale
    page = replace(page, language=language, code=found.code)
    if request.method == "POST":
        person = requests.person(found, SOURCE)
        response = views.enrolled(request, page, person, page.offer(at), at)
        # Last: whoever is interrupted follows the link again, and nobody is enrolled twice.
        found.delete()
        return response
    text = page.words["confirm"].replace("{email}", found.email)
    context = {"text": text, "has_consented": found.marketing_consent, "code": ""}
    return views.shown(request, page, "join/confirm.html", context)
