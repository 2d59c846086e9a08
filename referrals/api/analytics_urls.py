"""The addresses of analytics, below /api/v1/loyalty/."""

from django.urls import path

from referrals.api import analytics

urlpatterns = [
    path("referrals/segments", analytics.Segments.as_view(), name="referral-segments"),
    path("analytics/velocity", analytics.Velocity.as_view(), name="analytics-velocity"),
]
