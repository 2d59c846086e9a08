"""How a merchant's limits of invitations stand."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from loyalty_site.tenants.models import Merchant
from referrals.models import GuardrailOverride, ReferralSettings

SHOWN = 100

_SQL = """
WITH rules AS (
    SELECT coalesce(s.open_invites, %(quota)s) AS quota, coalesce(s.cooldown_seconds, %(cooldown)s) AS cooldown
      FROM (SELECT 1) one
      LEFT JOIN loyalty_programs p ON p.merchant_id = %(merchant)s AND p.is_active
      LEFT JOIN loyalty_referral_settings s ON s.program_id = p.id),
open_ones AS (
    SELECT i.referrer_id, count(*) AS invites FROM loyalty_referral_invites i
     WHERE i.merchant_id = %(merchant)s AND i.status IN ('draft', 'sent') AND i.expires_at > %(at)s
       AND NOT i.is_standing GROUP BY i.referrer_id)
SELECT r.quota, r.cooldown, (SELECT coalesce(sum(o.invites), 0) FROM open_ones o),
       (SELECT count(*) FROM open_ones o WHERE o.invites >= r.quota),
       (SELECT i.created_at FROM loyalty_referral_invites i
         WHERE i.merchant_id = %(merchant)s AND NOT i.is_standing ORDER BY i.created_at DESC LIMIT 1),
       EXISTS (SELECT 1 FROM loyalty_guardrail_overrides g
                WHERE g.merchant_id = %(merchant)s AND g.scope = 'global_throttle' AND g.revoked_at IS NULL
                  AND (g.expires_at IS NULL OR g.expires_at > %(at)s))
  FROM rules r"""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """`cooldown_until` is when the last invite's wait is over; None where it is."""

    quota: int
    active_invites: int
    members_at_quota: int
    cooldown_seconds: int
    cooldown_until: datetime | None
    is_throttled: bool
    overrides: list[GuardrailOverride]

    def cooldown_remaining(self, at: datetime) -> int:
        """Whole seconds until then."""
        return math.ceil((self.cooldown_until - at).total_seconds()) if self.cooldown_until else 0


def state(merchant: Merchant, *, at: datetime) -> Guardrails:
    """The state at `at`, in two queries."""
    defaults = ReferralSettings()
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {
                "merchant": merchant.pk,
                "at": at,
                "quota": defaults.open_invites,
                "cooldown": defaults.cooldown_seconds,
            },
        )
        quota, cooldown, active, at_quota, last, throttled = cursor.fetchone()
    until = last + timedelta(seconds=cooldown) if last is not None else None
    return Guardrails(
        quota=quota,
        active_invites=int(active),
        members_at_quota=at_quota,
        cooldown_seconds=cooldown,
        cooldown_until=until if until is not None and until > at else None,
        is_throttled=throttled,
        overrides=list(GuardrailOverride.objects.filter(merchant=merchant).order_by("-created_at", "-pk")[:SHOWN]),
    )
