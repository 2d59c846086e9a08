"""The store door's addresses, below /api/v1/store/loyalty/."""

from django.urls import path

from loyalty.api.store.views import batch, cards, points, program, stamps, tokens, transactions

urlpatterns = [
    path("cards/<str:card_number>/points", points.EarnPoints.as_view(), name="store-earn-points"),
    path("cards", cards.Cards.as_view(), name="store-cards"),
    path("cards/<str:card_number>", cards.OneCard.as_view(), name="store-card"),
    path("cards/<str:card_number>/points/preview", points.PreviewPoints.as_view(), name="store-preview-points"),
    path("cards/<str:card_number>/points/redeem", points.RedeemPoints.as_view(), name="store-redeem-points"),
    path("cards/<str:card_number>/refunds", points.RefundPoints.as_view(), name="store-refund-points"),
    path("cards/<str:card_number>/stamps", stamps.AddStamps.as_view(), name="store-add-stamps"),
    path("cards/<str:card_number>/stamps/redeem", stamps.RedeemStamps.as_view(), name="store-redeem-stamps"),
    path("cards/<str:card_number>/stamps/void", stamps.VoidStamps.as_view(), name="store-void-stamps"),
    path("cards/<str:card_number>/replace", cards.ReplaceCard.as_view(), name="store-replace-card"),
    path("cards/<str:card_number>/deactivate", cards.DeactivateCard.as_view(), name="store-deactivate-card"),
    path("cards/<str:card_number>/reactivate", cards.ReactivateCard.as_view(), name="store-reactivate-card"),
    path("cards/<str:card_number>/transactions", transactions.Transactions.as_view(), name="store-transactions"),
    path("transactions/<uuid:entry_id>/void", points.VoidTransaction.as_view(), name="store-void-transaction"),
    path("batch", batch.Batch.as_view(), name="store-batch"),
    path("program", program.ShowProgram.as_view(), name="store-program"),
    path("member-tokens", tokens.MemberTokens.as_view(), name="store-member-tokens"),
]
