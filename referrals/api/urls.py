"""The addresses of referrals, below /api/v1/loyalty/."""

from django.urls import path

from referrals.api import analytics, member, operator

urlpatterns = [
    path("referrals", member.Referrals.as_view(), name="loyalty-referrals"),
    path("referrals/conversions", member.Conversions.as_view(), name="loyalty-referral-conversions"),
    path("referrals/complete", operator.Complete.as_view(), name="loyalty-referral-complete"),
    path("referrals/segments", analytics.Segments.as_view(), name="loyalty-referral-segments"),
    path("analytics/velocity", analytics.Velocity.as_view(), name="loyalty-analytics-velocity"),
    path("referrals/<uuid:invite_id>/cancel", member.CancelReferral.as_view(), name="loyalty-referral-cancel"),
    path("members/<str:user_id>/referrals", operator.InviteFor.as_view(), name="loyalty-member-referrals"),
    path("guardrails", operator.Guardrails.as_view(), name="loyalty-guardrails"),
    path("guardrails/overrides", operator.Overrides.as_view(), name="loyalty-guardrail-overrides"),
]
