"""What stands between a member and the next invite, in one statement."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from loyalty.models import Member
from loyalty_site.prepared import run
from referrals.models import GuardrailOverride, ReferralSettings
from referrals.queries.rules import RULES_SQL, rules_in

# How long a pause without an end tells callers to wait.
_NO_END = timedelta(hours=1)

_SQL = f"""
SELECT {RULES_SQL},
       (SELECT x.slug FROM merchants x WHERE x.id = %s),
       o.open, o.soonest,
       (SELECT i.created_at FROM loyalty_referral_invites i WHERE i.referrer_id = %s AND NOT i.is_standing
         ORDER BY i.created_at DESC, i.id DESC LIMIT 1),
       (SELECT jsonb_object_agg(g.scope, g.expires_at)::text FROM loyalty_guardrail_overrides g
         WHERE g.merchant_id = %s AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > %s)
           AND (g.target_member_id IS NULL OR g.target_member_id = %s))
  FROM (SELECT count(*) AS open, min(i.expires_at) AS soonest FROM loyalty_referral_invites i
         WHERE i.merchant_id = %s AND i.referrer_id = %s AND i.status IN ('draft', 'sent') AND i.expires_at > %s
           AND NOT i.is_standing) o"""


@dataclass(frozen=True, slots=True)
class Limits:
    """`open` invites and when the first of them expires; the last one's time; which limits are lifted or set."""

    rules: ReferralSettings
    merchant_slug: str
    open: int
    soonest_expiry: datetime | None
    last_created_at: datetime | None
    is_quota_lifted: bool
    is_cooldown_lifted: bool
    paused_until: datetime | None


def of(member: Member, *, at: datetime) -> Limits:
    """The limits of the member at `at`; who decides by them holds the member's lock."""
    merchant = member.merchant_id
    asked = [member.program_id, merchant, member.pk, merchant, at, member.pk, merchant, member.pk, at]
    [(rules, slug, opened, soonest, last, overrides)] = run(_SQL, asked)
    acting = json.loads(overrides) if overrides else {}
    paused_until = None
    if GuardrailOverride.Scope.GLOBAL_THROTTLE in acting:
        end = acting[GuardrailOverride.Scope.GLOBAL_THROTTLE]
        paused_until = datetime.fromisoformat(end) if end else at + _NO_END
    return Limits(
        rules=rules_in(rules, program_id=member.program_id, merchant_id=merchant),
        merchant_slug=slug,
        open=opened,
        soonest_expiry=soonest,
        last_created_at=last,
        is_quota_lifted=GuardrailOverride.Scope.INVITE_QUOTA in acting,
        is_cooldown_lifted=GuardrailOverride.Scope.INVITE_COOLDOWN in acting,
        paused_until=paused_until,
    )
