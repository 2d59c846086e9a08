"""Looking after a card: finding, replacing, switching off and on."""

from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from loyalty.cards import new_card_number
from loyalty.events import CardReplaced, MemberDeactivated, MemberReactivated
from loyalty.models import Member, ReplacedCard
from loyalty.operations.points import lock
from loyalty_site import outbox
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant
from loyalty_site.texts import refuse_what_cannot_be_kept

log = structlog.get_logger("loyalty.card_service")

_TRIES = 3


class CardIsReplaced(Refusal):
    """The number was given back: the member carries another card now."""

    code = "card_replaced"
    sentence = "This card was replaced by another one."


def find(*, merchant: Merchant, card_number: str) -> Member:
    """The merchant's member with this card. Raises `CardIsReplaced` for an old number, `NotFound` for none."""
    members = Member.objects.for_merchant(merchant).select_related("program", "tier", "customer")
    member = members.filter(card_number=card_number).first()
    if member is not None:
        return member
    if ReplacedCard.objects.filter(merchant=merchant, card_number=card_number).exists():
        raise CardIsReplaced
    raise NotFound


def replace(*, member: Member, reason: str, at: datetime) -> Member:
    """Give the member a new number and refuse the old one from now on; returns the member with the new number.

    Raises `InvalidText`.
    """
    refuse_what_cannot_be_kept(reason)
    reason = reason.strip()[:500]
    for attempt in range(_TRIES):
        try:
            return _replace(member, reason, at)
        except IntegrityError:
            # The number drawn belongs to somebody, or did once.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _replace(member: Member, reason: str, at: datetime) -> Member:
    fresh = lock(member)
    ReplacedCard.objects.create(
        merchant_id=fresh.merchant_id,
        member=fresh,
        card_number=fresh.card_number,
        reason=reason,
        replaced_at=at,
    )
    number = new_card_number()
    if ReplacedCard.objects.filter(merchant_id=fresh.merchant_id, card_number=number).exists():
        raise IntegrityError("this number was given out before")
    fresh.card_number = number
    fresh.save(update_fields=["card_number"])
    outbox.publish(CardReplaced.about(fresh, at=at, card_number=number))
    log.info("card_replaced", member=str(fresh.pk), merchant=str(fresh.merchant_id))
    return fresh


@transaction.atomic(savepoint=False)
def deactivate(*, member: Member, at: datetime) -> Member:
    """Switch the card off: it neither earns nor spends, and no run touches it. Open holds stay. Twice is once."""
    if Member.objects.filter(pk=member.pk, is_active=True).update(is_active=False):
        outbox.publish(MemberDeactivated.about(member, at=at))
        log.info("deactivated", member=str(member.pk), merchant=str(member.merchant_id))
    member.is_active = False
    return member


@transaction.atomic(savepoint=False)
def reactivate(*, member: Member, at: datetime) -> Member:
    """Switch the card on again and restart its activity clock, so that the next night does not expire it at once.

    Raises `NotFound` for a member who was anonymized. Twice is once.
    """
    fresh = lock(member)
    if fresh.customer.anonymized_at is not None:
        raise NotFound
    if not fresh.is_active:
        fresh.is_active = True
        fresh.last_activity_at = max(fresh.last_activity_at, at)
        fresh.save(update_fields=["is_active", "last_activity_at"])
        outbox.publish(MemberReactivated.about(fresh, at=at))
        log.info("reactivated", member=str(fresh.pk), merchant=str(fresh.merchant_id))
    return fresh
