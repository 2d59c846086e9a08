"""The member door's addresses, below /api/v1/loyalty/."""

from django.urls import path

from loyalty.api.member import catalogue, explain, ledger, next_actions, privacy, redemptions

urlpatterns = [
    path("tiers", catalogue.Tiers.as_view(), name="loyalty-tiers"),
    path("rewards", catalogue.Rewards.as_view(), name="loyalty-rewards"),
    path("ledger", ledger.Ledger.as_view(), name="loyalty-ledger"),
    path("export", privacy.Export.as_view(), name="loyalty-export"),
    path("erase", privacy.Erase.as_view(), name="loyalty-erase"),
    path("explain", explain.Explain.as_view(), name="loyalty-explain"),
    path("redemptions", redemptions.Redemptions.as_view(), name="loyalty-redemptions"),
    path("next-actions", next_actions.NextActions.as_view(), name="loyalty-next-actions"),
    path("next-actions/<uuid:intent_id>/resolve", next_actions.Resolve.as_view(), name="loyalty-next-action"),
]
