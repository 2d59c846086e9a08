"""The operator door's addresses, below /api/v1/loyalty/."""

from django.urls import path

from loyalty.api.operator import checkout, members, redemptions

urlpatterns = [
    path("members/<str:user_id>", members.OneMember.as_view(), name="loyalty-member"),
    path(
        "members/<str:user_id>/redemptions",
        redemptions.RequestRedemption.as_view(),
        name="loyalty-member-redemptions",
    ),
    path("redemptions/<uuid:redemption_id>/fulfill", redemptions.Fulfill.as_view(), name="loyalty-fulfill"),
    path("redemptions/<uuid:redemption_id>/fail", redemptions.Fail.as_view(), name="loyalty-fail"),
    path("redemptions/<uuid:redemption_id>/cancel", redemptions.Cancel.as_view(), name="loyalty-cancel"),
    path("checkout/intents", checkout.Intents.as_view(), name="loyalty-checkout"),
]
