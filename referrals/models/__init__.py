from referrals.models.analytics import AnalyticsSnapshot
from referrals.models.devices import DeviceKind, DeviceTrace
from referrals.models.guardrails import GuardrailAuditEvent, GuardrailOverride
from referrals.models.invites import OPEN, Invite
from referrals.models.reviews import ReferralReview
from referrals.models.settings import ConvertsOn, DeadlinePolicy, ReferralSettings

__all__ = [
    "OPEN",
    "AnalyticsSnapshot",
    "ConvertsOn",
    "DeadlinePolicy",
    "DeviceKind",
    "DeviceTrace",
    "GuardrailAuditEvent",
    "GuardrailOverride",
    "Invite",
    "ReferralReview",
    "ReferralSettings",
]
