"""Links to the pages of rows, and rows that are read."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from loyalty.admin.deed_pages import DeedPages
from loyalty.models import Member


class DeedAdmin(DeedPages):
    """Rows whose fields are typed when they are added, where they can be, and read from then on."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.get_fields(request, obj)) if obj is not None else []


def link(page: str, key: Any, text: Any) -> SafeString:
    """A link to a row's page."""
    return format_html('<a class="console-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[key]), text)


def member_link(member: Member | None) -> str:
    """A link to the member's page, by card number."""
    return link("loyalty_member", member.pk, member.card_number) if member is not None else "-"


def person_link(member: Member | None) -> str:
    """A link to the member's page, and by what name and e-mail address the merchant knows them; customer at hand."""
    if member is None:
        return "-"
    known_by = [text for text in (str(member.customer), member.customer.email) if text]
    lines = format_html_join("", '<div class="console-quiet">{}</div>', ((each,) for each in dict.fromkeys(known_by)))
    return format_html("<div>{}{}</div>", member_link(member), lines)
