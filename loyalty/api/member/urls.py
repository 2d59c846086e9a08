"""The member door's addresses, below /api/v1/loyalty/."""

from django.urls import path

from loyalty.api.member import catalogue, ledger

urlpatterns = [
    path("tiers", catalogue.Tiers.as_view(), name="loyalty-tiers"),
    path("rewards", catalogue.Rewards.as_view(), name="loyalty-rewards"),
    path("ledger", ledger.Ledger.as_view(), name="loyalty-ledger"),
]
