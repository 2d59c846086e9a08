"""A till for each merchant of the demo: a key to try the API with."""

from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty.models import Member
from loyalty_site.console.demo import plans
from loyalty_site.http import keys
from loyalty_site.http.models import ApiKey, Scope
from loyalty_site.tenants.models import Store

NAME = "Demo till"


@transaction.atomic
def tills(at: datetime) -> list[dict[str, Any]]:
    """A store, its new key and the card of a member to try it with, for each merchant; keys of earlier starts end.

    Only a key's digest is kept, so the one of the last start cannot be shown again.
    """
    slugs = [plan.slug for plan in plans.merchants()]
    ApiKey.objects.filter(merchant__slug__in=slugs, name=NAME).delete()
    shown = []
    for slug in slugs:
        store = Store.objects.select_related("merchant").filter(merchant__slug=slug, is_active=True).first()
        card = Member.objects.filter(merchant__slug=slug, is_active=True).order_by("pk").first()
        if store is None or card is None:
            continue
        scopes = [Scope.STORE, Scope.MEMBER_TOKENS]
        _, text = keys.make(merchant=store.merchant, store=store, name=NAME, scopes=[*scopes], at=at)
        shown.append({"at": f"{store.merchant.name}, {store.name}", "key": text, "a_card": card.card_number})
    return shown
