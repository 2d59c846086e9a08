"""Which text of a message is sent, and what stands behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from notifications.catalogue import CODES, TemplateCode
from notifications.models import Channel, MessageTemplate, TemplateOverride
from notifications.models.templates import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The texts of one message at one place: the store's and the merchant's where they wrote one, and the default."""

    code: TemplateCode
    channel: Channel
    default: MessageTemplate | None
    merchants: TemplateOverride | None
    stores: TemplateOverride | None

    @property
    def sent(self) -> Wording | None:
        """The one that is sent."""
        return self.stores or self.merchants or self.default

    @property
    def below(self) -> Wording | None:
        """The one that would be sent without the text of this very place."""
        return (self.merchants or self.default) if self.stores else self.default


def in_force(*, merchant_id: UUID, store_id: UUID | None, locale: str, code: str = "") -> Iterator[InForce]:
    """Every message on every channel, or those of one code, in the catalogue's order: two queries."""
    of = Q(locale=locale, code=code) if code else Q(locale=locale)
    defaults = {(each.code, each.channel): each for each in MessageTemplate.objects.filter(of)}
    at = Q(store=None) if store_id is None else Q(store=None) | Q(store=store_id)
    own = {
        (each.store_id, each.code, each.channel): each
        for each in TemplateOverride.objects.filter(of, at, merchant=merchant_id)
    }
    for known in CODES.values():
        if code and known.code != code:
            continue
        for channel in known.channels:
            place = (known.code, str(channel))
            yield InForce(
                code=known,
                channel=channel,
                default=defaults.get(place),
                merchants=own.get((None, *place)),
                stores=own.get((store_id, *place)) if store_id is not None else None,
            )
