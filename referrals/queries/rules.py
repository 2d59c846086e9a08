"""The rules of a program's referrals."""

from uuid import UUID

from referrals.models import ReferralSettings
from referrals.queries.rows import from_json


def rules_in(text: str | None, *, program_id: UUID, merchant_id: UUID) -> ReferralSettings:
    """The rules in a column of another statement, or the defaults where it is NULL."""
    if text is not None:
        return from_json(ReferralSettings, text)
    return ReferralSettings(program_id=program_id, merchant_id=merchant_id)


# For the select list of such a statement; takes the program's id.
RULES_SQL = "(SELECT to_jsonb(s)::text FROM loyalty_referral_settings s WHERE s.program_id = %s)"
