"""What segments are called, by language. A table and not a catalogue: nothing needs to be compiled to speak it."""

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from loyalty.models import Program
from loyalty.next_action_texts import language_of
from loyalty_site.tenants.models import Customer, Merchant

LABELS = {
    "active": {
        "en": "Active members",
        "fr": "Membres actifs",
        "de": "Aktive Mitglieder",
        "lb": "Aktiv Memberen",
    },
    "stalled": {
        "en": "Stalled members",
        "fr": "Membres en sommeil",
        "de": "Ruhende Mitglieder",
        "lb": "Rouend Memberen",
    },
    "at-risk": {
        "en": "Members at risk",
        "fr": "Membres à risque",
        "de": "Gefährdete Mitglieder",
        "lb": "Gefäerdet Memberen",
    },
    "inactive": {
        "en": "No members yet",
        "fr": "Pas encore de membres",
        "de": "Noch keine Mitglieder",
        "lb": "Nach keng Memberen",
    },
}


def language_for(merchant: Merchant, user_id: UUID | None) -> str:
    """The language of the customer with this `userId`; without one, or where none was chosen, of the program."""
    programs = Program.objects.filter(merchant=merchant).order_by("-is_active", "-created_at")
    spoken: Any = Value("")
    if user_id is not None:
        mine = Customer.objects.filter(merchant=OuterRef("merchant"), user_id=user_id)
        spoken = Coalesce(Subquery(mine.values("locale")[:1]), Value(""))
    return language_of(*(programs.annotate(spoken=spoken).values_list("spoken", "locale").first() or ()))
