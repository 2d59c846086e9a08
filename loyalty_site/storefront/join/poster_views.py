"""The poster with the QR code that leads to the page on which people join."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from loyalty import links
from loyalty_site.storefront.join import pages, poster_files
from loyalty_site.storefront.join.poster import made
from referrals.queries.offers import State


@require_safe
def poster(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """SVG, or PDF with `?format=pdf`; with `?ref=` that of an invitation, 404 for one that leads nowhere."""
    kind = request.GET.get("format", "svg")
    if kind not in ("svg", "pdf"):
        return HttpResponse("format is svg or pdf.\n", status=400, content_type="text/plain; charset=utf-8")
    page = pages.find(request, merchant_slug, printed=True)
    offer = page.offer(timezone.now())
    if offer is not None and offer.state != State.OPEN:
        raise Http404
    drawn = made(page, links.joining(page.merchant.slug, pages.base(request), offer.code if offer else ""))
    if kind == "pdf":
        response = HttpResponse(poster_files.pdf(drawn), content_type="application/pdf")
    else:
        response = HttpResponse(poster_files.svg(drawn, page.language), content_type="image/svg+xml")
    response["Content-Disposition"] = f'inline; filename="join-{page.merchant.slug}.{kind}"'
    response["Cache-Control"] = "no-store" if offer else "public, max-age=300"
    return response
