"""The admin door's addresses, below /api/v1/admin/loyalty/."""

from django.urls import path

from loyalty.api.staff import cards, deeds, figures, keys, runs, setup

urlpatterns = [
    path("cards", cards.Cards.as_view(), name="staff-cards"),
    path("cards/<uuid:card_id>", cards.Card.as_view(), name="staff-card"),
    path("cards/<uuid:card_id>/transactions", cards.CardTransactions.as_view(), name="staff-card-transactions"),
    path("cards/<uuid:card_id>/export", cards.CardExport.as_view(), name="staff-card-export"),
    path("cards/<uuid:card_id>/restore-points", deeds.RestorePoints.as_view(), name="staff-restore-points"),
    path("cards/<uuid:card_id>/adjust-points", deeds.AdjustPoints.as_view(), name="staff-adjust-points"),
    path("cards/<uuid:card_id>/deactivate", deeds.Deactivate.as_view(), name="staff-deactivate"),
    path("cards/<uuid:card_id>/reactivate", deeds.Reactivate.as_view(), name="staff-reactivate"),
    path("cards/<uuid:card_id>/replace", deeds.Replace.as_view(), name="staff-replace"),
    path("cards/<uuid:card_id>/anonymize", deeds.Anonymize.as_view(), name="staff-anonymize"),
    path("programs", setup.Programs.as_view(), name="staff-programs"),
    path("programs/<uuid:row_id>", setup.OneProgram.as_view(), name="staff-program"),
    path("tiers", setup.Tiers.as_view(), name="staff-tiers"),
    path("tiers/<uuid:row_id>", setup.OneTier.as_view(), name="staff-tier"),
    path("rewards", setup.Rewards.as_view(), name="staff-rewards"),
    path("rewards/<uuid:row_id>", setup.OneReward.as_view(), name="staff-reward"),
    path("stores", setup.Stores.as_view(), name="staff-stores"),
    path("stores/<uuid:row_id>", setup.OneStore.as_view(), name="staff-store"),
    path("keys", keys.Keys.as_view(), name="staff-keys"),
    path("keys/<uuid:row_id>", keys.OneKey.as_view(), name="staff-key"),
    path("keys/<uuid:row_id>/rotate", keys.RotateKey.as_view(), name="staff-rotate-key"),
    path("keys/<uuid:row_id>/revoke", keys.RevokeKey.as_view(), name="staff-revoke-key"),
    path("expiry/preview", runs.PreviewExpiry.as_view(), name="staff-expiry-preview"),
    path("expiry/run", runs.RunExpiry.as_view(), name="staff-expiry-run"),
    path("runs", runs.Runs.as_view(), name="staff-runs"),
    path("runs/<uuid:run_id>", runs.OneRun.as_view(), name="staff-run"),
    path("runs/<uuid:run_id>/undo", runs.UndoRun.as_view(), name="staff-undo-run"),
    path("stats", figures.Stats.as_view(), name="staff-stats"),
    path("jobs", figures.Jobs.as_view(), name="staff-jobs"),
    path("reconciliation", figures.Reconciliation.as_view(), name="staff-reconciliation"),
]
