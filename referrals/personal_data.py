"""What this app stores of a person, how it hands it out and how it forgets."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from referrals.models import DeviceTrace, GuardrailAuditEvent, GuardrailOverride, Invite, ReferralReview

# Columns of an invite that only the two members, or the merchant, have to do with.
_INVITE = (
    "id", "code", "is_standing", "invitee_email", "status", "reward_state", "reward_points", "invitee_points",
    "order_reference", "order_amount", "reason", "metadata", "created_at", "updated_at", "attached_at", "completed_at",
    "paid_at", "expires_at",
)  # fmt: skip


def register() -> None:
    """Answer for this app's tables."""
    privacy.keep(
        Invite._meta.db_table,
        columns=["code", "invitee_email", "order_reference", "reason", "metadata"],
        export=lambda customer: _invites_of(customer).values(*_INVITE),
        forget=_forget_invites,
        lock=_lock_invites,
    )
    privacy.keep(
        ReferralReview._meta.db_table,
        columns=["reason"],
        export=lambda customer: _reviews_of(customer).values("id", "status", "reason", "created_at", "decided_at"),
        forget=lambda customer, at: [privacy.update(_reviews_of(customer), reason="")],
    )
    privacy.keep(
        GuardrailOverride._meta.db_table,
        columns=["justification", "metadata"],
        export=lambda customer: _overrides_of(customer).values(
            "id", "scope", "justification", "created_at", "expires_at", "revoked_at"
        ),
        forget=lambda customer, at: [privacy.update(_overrides_of(customer), justification="", metadata={})],
    )
    privacy.keep(
        GuardrailAuditEvent._meta.db_table,
        columns=["reason", "facts"],
        export=lambda customer: _events_of(customer).values("id", "action", "reason", "at"),
        forget=lambda customer, at: [privacy.update(_events_of(customer), reason="", facts={})],
    )
    privacy.keep(
        DeviceTrace._meta.db_table,
        columns=["digest"],
        export=lambda customer: DeviceTrace.objects.filter(member__customer=customer).values("id", "kind", "seen_at"),
        forget=lambda customer, at: [privacy.delete(DeviceTrace.objects.filter(member__customer=customer))],
    )


def _invites_of(customer: Customer) -> QuerySet[Invite]:
    """What the person sent. Who took part in another's invite is told of in their own ledger."""
    return Invite.objects.filter(referrer__customer=customer).order_by("created_at")


def _reviews_of(customer: Customer) -> QuerySet[ReferralReview]:
    about = Q(invite__referrer__customer=customer) | Q(invite__invitee__customer=customer)
    return ReferralReview.objects.filter(about, merchant_id=customer.merchant_id)


def _overrides_of(customer: Customer) -> QuerySet[GuardrailOverride]:
    return GuardrailOverride.objects.filter(merchant_id=customer.merchant_id, target_member__customer=customer)


def _events_of(customer: Customer) -> QuerySet[GuardrailAuditEvent]:
    return GuardrailAuditEvent.objects.filter(
        merchant_id=customer.merchant_id, override__target_member__customer=customer
    )


# The invites that tell of a person: their own, those they came with, and those to their address.
_TELLING = """
    SELECT i.id FROM loyalty_referral_invites i JOIN loyalty_members m ON m.id = i.referrer_id
     WHERE m.customer_id = %s
     UNION
    SELECT i.id FROM loyalty_referral_invites i JOIN loyalty_members m ON m.id = i.invitee_id
     WHERE m.customer_id = %s
     UNION
    SELECT i.id FROM loyalty_referral_invites i
     WHERE i.merchant_id = %s AND i.invitee_email <> '' AND lower(i.invitee_email) = lower(%s::text)"""


def _telling(customer: Customer) -> list[Any]:
    return [customer.pk, customer.pk, customer.merchant_id, customer.email]


def _lock_invites(customer: Customer) -> privacy.Statement:
    return privacy.Statement(
        f"SELECT i.id FROM loyalty_referral_invites i WHERE i.id IN ({_TELLING}) ORDER BY i.id FOR NO KEY UPDATE",
        _telling(customer),
    )


def _forget_invites(customer: Customer, at: datetime) -> list[privacy.Statement]:
    """Empty the words about the person, in their own invites and in those that name their address.

    An open invite of theirs ends: nobody is left to be credited. A standing code becomes such as nobody can know.
    """
    return [
        privacy.Statement(
            f"""
            UPDATE loyalty_referral_invites i SET
                invitee_email = '',
                reason = CASE WHEN mine.id IS NULL THEN i.reason ELSE '' END,
                metadata = CASE WHEN mine.id IS NULL THEN i.metadata ELSE '{{}}' END,
                signals = CASE WHEN mine.id IS NULL THEN i.signals ELSE '[]' END,
                code = CASE WHEN mine.id IS NOT NULL AND i.is_standing
                            THEN '-' || substr(md5(gen_random_uuid()::text), 1, 7) ELSE i.code END,
                status = CASE WHEN mine.id IS NOT NULL AND i.status IN ('draft', 'sent')
                              THEN 'cancelled' ELSE i.status END,
                updated_at = %s
              FROM loyalty_referral_invites o
              LEFT JOIN loyalty_members mine ON mine.id = o.referrer_id AND mine.customer_id = %s
             WHERE o.id = i.id AND i.id IN ({_TELLING})""",
            [at, customer.pk, *_telling(customer)],
        ),
        # An answer kept for the inviter's retry names the address too. Answers about the person themselves are of
        # another keeper.
        privacy.Statement(
            f"""
            UPDATE idempotent_answers a SET body = NULL
              FROM loyalty_referral_invites i JOIN loyalty_members m ON m.id = i.referrer_id
             WHERE i.id IN ({_TELLING}) AND a.customer_id = m.customer_id AND m.customer_id <> %s
               AND a.body LIKE '%%' || i.id || '%%'""",
            [*_telling(customer), customer.pk],
        ),
        # The ledgers of those who came with a code of theirs name it, and so do entries that took a credit back.
        privacy.Statement(
            """
            SELECT ledger_forget_keys_v1(%s, ARRAY(
                SELECT e.key FROM loyalty_referral_invites i
                  JOIN loyalty_ledger_entries c ON c.merchant_id = i.merchant_id
                   AND c.key = 'referral:' || i.id || ':invitee'
                  JOIN loyalty_ledger_entries e ON e.id = c.id OR e.answers_id = c.id
                 WHERE i.referrer_id IN (SELECT id FROM loyalty_members WHERE customer_id = %s)
                   AND i.completed_at IS NOT NULL))""",
            [customer.merchant_id, customer.pk],
        ),
        # News of another's invite, on its way or kept, names the address as well.
        privacy.Statement(
            f"""
            UPDATE outbox_events SET facts = facts || '{{"invitee_email": null}}'
             WHERE merchant_id = %s AND kind = 'referrals.invite_created'
               AND facts ->> 'invite_id' IN (SELECT t.id::text FROM ({_TELLING}) t)
               AND facts ->> 'member_id' NOT IN (SELECT id::text FROM loyalty_members WHERE customer_id = %s)""",
            [customer.merchant_id, *_telling(customer), customer.pk],
        ),
    ]
