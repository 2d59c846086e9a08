"""Somebody at the join page, with a browser of their own."""

import re
from typing import Any

from django.test import Client

from loyalty.models import Member
from loyalty_site.storefront.models import EnrollmentFunnel

ANNA = {"first_name": "Anna", "email": "anna@example.net"}


class Visitor:
    """A browser at the join page: visitor.sends(email="…"), visitor.opens()."""

    def __init__(self, address: str = "85.93.201.7", *, merchant: str = "cafe", ref: str = "", **headers: str) -> None:
        self.client = Client(
            REMOTE_ADDR=address, headers={"User-Agent": "Phone/1.0", **headers}, raise_request_exception=False
        )
        self.address = f"/join/{merchant}"
        self.ref = ref

    def opens(self, **query: str) -> Any:
        given = {"ref": self.ref} if self.ref else {}
        return self.client.get(self.address, given | query)

    def sends(self, *, query: str = "", **fields: Any) -> Any:
        where = f"{self.address}?ref={self.ref}{query}" if self.ref else f"{self.address}?{query}"
        return self.client.post(where, ANNA | fields)


def said(response: Any) -> str:
    """What stands on the page, without its tags."""
    text = re.sub(r"<(style|title).*?</\1>|<[^>]*>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text).strip()


def steps() -> dict[str, int]:
    """The funnel, all merchants and days together."""
    found: dict[str, int] = {}
    for row in EnrollmentFunnel.objects.all():
        found[row.step] = found.get(row.step, 0) + row.count
    return found


def member(email: str = ANNA["email"]) -> Member:
    return Member.objects.select_related("customer").get(customer__email__iexact=email)
