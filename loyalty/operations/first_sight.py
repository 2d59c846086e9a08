"""The member behind the storefront's own id of its customer, who comes into being when first asked for."""

from datetime import datetime
from uuid import UUID

import structlog

from loyalty.cards import new_card_number, new_referral_code
from loyalty.models import Member, Program
from loyalty.operations.enrollment import NoProgram, insert_new
from loyalty.queries import faces, locks
from loyalty_site.tenants.models import Customer, Merchant

log = structlog.get_logger("loyalty.card_service")

_TRIES = 3
_ACTIVE = """p.merchant_id = %s AND p.is_active
    AND EXISTS (SELECT 1 FROM merchants x WHERE x.id = p.merchant_id AND x.is_active)"""


def member_of(*, merchant: Merchant, user_id: UUID, at: datetime, for_change: bool = False) -> Member:
    """The merchant's member with this `user_id`, made on first sight: bare, not enrolled, without bonus or mail.

    Customer and member are written in one statement, once, however many ask at the same moment. With `for_change` the
    member is locked until the transaction ends. Where no program is active, whoever was a member of one before is
    still known. Raises `NoProgram`.
    """
    for _ in range(_TRIES):
        member = faces.by_user(merchant.pk, user_id, for_change=for_change)
        if member is not None and member.program.is_active:
            return member
        program, found = faces.persons(_ACTIVE, [merchant.pk], {"user_id": user_id})
        if program is None:
            if member is not None:
                return member
            raise NoProgram
        made = _bare(program, found[0][0] if found else None, user_id, at)
        if made in insert_new([made]):
            log.info("first_sight", member=str(made.pk), merchant=str(made.merchant_id))
            if for_change:
                # Nobody else can see the row before this transaction ends: it is as good as locked.
                locks.mark(made)
            return made
        # Somebody made the same member, or drew the same number, at this moment: look again.
    raise RuntimeError("Neither could the member be made nor was there one.")


def _bare(program: Program, customer: Customer | None, user_id: UUID, at: datetime) -> Member:
    return Member(
        merchant_id=program.merchant_id,
        program=program,
        customer=customer if customer is not None else Customer(merchant_id=program.merchant_id, user_id=user_id),
        card_number=new_card_number(),
        referral_code=new_referral_code(),
        last_activity_at=at,
    )
