"""Looking after a card: finding, replacing, switching off and on."""

from datetime import datetime
from typing import Any, NoReturn

import structlog
from django.db import connection, transaction

from loyalty.cards import new_card_number
from loyalty.events import CardReplaced, MemberDeactivated, MemberReactivated
from loyalty.models import Member, ReplacedCard
from loyalty.operations.enrollment import Person, clues_of, normalized
from loyalty.operations.points import lock
from loyalty.queries import faces
from loyalty_site import outbox
from loyalty_site.ids import new_id
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant
from loyalty_site.texts import refuse_what_cannot_be_kept

log = structlog.get_logger("loyalty.card_service")

# Numbers drawn at once: the first is taken that nobody has or had.
_DRAWN = 5
_REPLACE = """
WITH free AS (
    SELECT number FROM unnest(%(drawn)s::text[]) WITH ORDINALITY AS drawn (number, place)
     WHERE NOT EXISTS (
         SELECT 1 FROM loyalty_members m WHERE m.merchant_id = %(merchant)s AND m.card_number = drawn.number)
       AND NOT EXISTS (
         SELECT 1 FROM loyalty_replaced_cards r WHERE r.merchant_id = %(merchant)s AND r.card_number = drawn.number)
     ORDER BY place LIMIT 1
), given_back AS (
    INSERT INTO loyalty_replaced_cards (id, merchant_id, member_id, card_number, reason, replaced_at)
    VALUES (%(id)s, %(merchant)s, %(member)s, %(old)s, %(reason)s, %(at)s)
)
UPDATE loyalty_members SET card_number = free.number FROM free WHERE id = %(member)s RETURNING card_number
"""


class CardIsReplaced(Refusal):
    """The number was given back: the member carries another card now."""

    code = "card_replaced"
    sentence = "This card was replaced by another one."


def find(*, merchant: Merchant, card_number: str, for_change: bool = False) -> Member:
    """The merchant's member with this card. Raises `CardIsReplaced` for an old number, `NotFound` for none.

    With `for_change` the member is locked until the transaction ends.
    """
    if not card_number.isprintable():
        raise NotFound
    member = faces.by_card(merchant.pk, card_number, for_change=for_change)
    return member if member is not None else _nobody(merchant, card_number)


def found(row: tuple[Any, ...] | None, *, merchant: Merchant, card_number: str) -> Member:
    """The member, locked, in the row of `faces.reading_card`. Raises as `find`."""
    return faces.locked_member(row) if row is not None else _nobody(merchant, card_number)


def _nobody(merchant: Merchant, card_number: str) -> NoReturn:
    if ReplacedCard.objects.filter(merchant=merchant, card_number=card_number).exists():
        raise CardIsReplaced
    raise NotFound


def look_up(*, merchant: Merchant, email: str = "", phone: str = "", external_ref: str = "") -> Member:
    """The member of the merchant's active program with this address or number. Raises `NotFound`, `InvalidPerson`."""
    clues = clues_of(normalized(Person(email=email, phone=phone, external_ref=external_ref)))
    _, found = faces.persons("p.merchant_id = %s AND p.is_active", [merchant.pk], clues)
    for _, member in found:
        if member is not None:
            return member
    raise NotFound


@transaction.atomic(savepoint=False)
def replace(*, member: Member, reason: str, at: datetime) -> Member:
    """Give the member a new number and refuse the old one from now on; returns the member with the new number.

    Raises `InvalidText`.
    """
    refuse_what_cannot_be_kept(reason)
    fresh = lock(member)
    old = fresh.card_number
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE,
            {
                "id": new_id(),
                "merchant": fresh.merchant_id,
                "member": fresh.pk,
                "old": old,
                "reason": reason.strip()[:500],
                "at": at,
                "drawn": [new_card_number() for _ in range(_DRAWN)],
            },
        )
        [(number,)] = cursor.fetchall()
    fresh.card_number = number
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
