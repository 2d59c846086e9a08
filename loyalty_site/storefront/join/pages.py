"""The merchant's page that was asked for, and the language it is in."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from babel.numbers import format_decimal
from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation.trans_real import parse_accept_lang_header

from loyalty.models import Program
from loyalty.next_action_texts import POINTS
from loyalty_site.storefront.join.texts import TEXTS
from loyalty_site.tenants.models import Merchant
from referrals.queries import offers
from referrals.queries.offers import Offer


@dataclass(frozen=True, slots=True)
class Page:
    """One merchant's page in one language. `code` is the invitation's as it was written in the address."""

    program: Program
    language: str
    code: str

    @property
    def merchant(self) -> Merchant:
        return self.program.merchant

    @property
    def words(self) -> dict[str, str]:
        """The texts, with the names of merchant and program in them."""
        names = {"{merchant}": self.merchant.name, "{program}": self.program.name}
        return {key: _filled(text, names) for key, text in TEXTS[self.language].items()}

    def points(self, count: int) -> str:
        """ "1 point", "1,200 points"."""
        one, many = POINTS[self.language]
        # In French nothing is singular too.
        is_one = count == 1 or (count == 0 and self.language == "fr")
        locale = "en_GB" if self.language == "en" else self.language
        return f"{format_decimal(count, locale=locale)} {one if is_one else many}"

    def address(self, name: str, **query: str) -> str:
        """The address of one of the merchant's pages, which keeps the query's texts that are not empty."""
        given = {key: value for key, value in query.items() if value}
        return reverse(name, args=[self.merchant.slug]) + (f"?{urlencode(given)}" if given else "")

    def offer(self, at: datetime) -> Offer | None:
        """What the invitation promises; None where nobody came with one."""
        return offers.of(self.program, self.code, at=at) if self.code else None


def find(request: HttpRequest, merchant_slug: str, *, printed: bool = False) -> Page:
    """The page of the merchant. Raises Http404 without a merchant, or a program, that is active.

    In the language that the address asks for, else the visitor's, else the program's; what is `printed` hangs where
    the program's language is spoken, whoever prints it.
    """
    program = (
        Program.objects.select_related("merchant")
        .filter(merchant__slug=merchant_slug, merchant__is_active=True, is_active=True)
        .first()
    )
    if program is None:
        raise Http404
    asked = request.GET.get("lang", "")
    accepted = [] if printed else parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()[:500])
    wanted = [asked, *(name for name, _ in accepted), program.locale]
    language = next((each for name in wanted if (each := name.lower().partition("-")[0]) in TEXTS), "en")
    return Page(program, language, request.GET.get("ref", "").strip())


def base(request: HttpRequest) -> str:
    """Where the platform is reached from outside, without a slash at the end."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def _filled(text: str, names: dict[str, str]) -> str:
    # In one go: a merchant may be called "{program}".
    parts = text.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        value = names.get("{" + name + "}") if brace else None
        filled.append(value + rest if value is not None else "{" + part)
    return "".join(filled)
