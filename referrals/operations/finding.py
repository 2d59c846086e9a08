"""The invite behind a code, locked, and the two members it is about."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from loyalty.models import Member
from loyalty.queries import faces
from loyalty_site.refusals import NotFound
from referrals.models import Invite
from referrals.operations.invites import LETTER
from referrals.operations.refusals import UnknownCode
from referrals.queries.rows import from_json

# The invitee as a back end knows them, by the storefront's id, or by our own.
_BY_USER = """
    SELECT m.id FROM customers c JOIN loyalty_members m ON m.customer_id = c.id
      JOIN loyalty_programs p ON p.id = m.program_id
     WHERE c.merchant_id = %s::uuid AND c.user_id = %s::uuid ORDER BY p.is_active DESC, m.id DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Named:
    """What a code stands for: an invite, or a member's own code with the invite the invitee has by it already."""

    code: str
    referrer_id: UUID
    invite: Invite | None


def normalized(code: str) -> str:
    """The code as we write it: people type small letters and spaces."""
    return "".join(code.split()).upper()


def reading(merchant_id: UUID, code: str, *, user_id: UUID | None = None, member_id: UUID | None = None) -> Any:
    """The SELECT, and its parameters, that finds and locks what the code stands for: see `named`.

    Raises `UnknownCode` for what cannot be one: PostgreSQL would not take every text.
    """
    code = normalized(code)
    if not (code.isascii() and code.isalnum()):
        raise UnknownCode
    if code.startswith(LETTER):
        return (
            """SELECT i.code, i.referrer_id, to_jsonb(i)::text FROM loyalty_referral_invites i
                WHERE i.merchant_id = %s::uuid AND i.code = %s::text AND NOT i.is_standing
                  FOR NO KEY UPDATE OF i""",
            [merchant_id, code],
        )
    invitee, values = ("%s::uuid", [member_id]) if user_id is None else (f"({_BY_USER})", [merchant_id, user_id])
    return (
        f"""SELECT m.referral_code, m.id, s.invite FROM loyalty_members m
              LEFT JOIN LATERAL (
                  SELECT to_jsonb(i)::text AS invite FROM loyalty_referral_invites i
                   WHERE i.invitee_id = {invitee} AND i.code = m.referral_code AND i.is_standing
                     AND (i.completed_at IS NOT NULL OR i.status IN ('draft', 'sent'))
                     FOR NO KEY UPDATE OF i) s ON true
             WHERE m.merchant_id = %s::uuid AND m.referral_code = %s::text""",
        [*values, merchant_id, code],
    )


def named(row: tuple[Any, ...] | None) -> Named:
    """What was read. Raises `UnknownCode`."""
    if row is None:
        raise UnknownCode
    code, referrer_id, text = row
    return Named(code, referrer_id, from_json(Invite, text) if text else None)


def both(
    merchant_id: UUID, referrer_id: UUID, *, user_id: UUID | None = None, member_id: UUID | None = None
) -> tuple[Member, Member]:
    """Inviter and invitee, locked in the order of their ids. Raises `NotFound` where there is no such invitee."""
    invitee, values = ("%s::uuid", [member_id]) if user_id is None else (f"({_BY_USER})", [merchant_id, user_id])
    found = {
        member.pk: member
        for member in faces.members(
            f"m.merchant_id = %s::uuid AND m.id = ANY (ARRAY[%s::uuid, {invitee}])",
            [merchant_id, referrer_id, *values],
            for_change=True,
            order="ORDER BY m.id",
        )
    }
    referrer = found.pop(referrer_id)
    if found:
        return referrer, found.popitem()[1]
    # One row: the inviter is the invitee, or there is no invitee.
    is_own = referrer.customer.user_id == user_id if user_id is not None else referrer_id == member_id
    if not is_own:
        raise NotFound
    return referrer, referrer
