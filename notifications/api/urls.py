"""The addresses of messages, below /api/v1/loyalty/."""

from django.urls import path

from notifications.api import nudges, preferences, push_key

urlpatterns = [
    path("preferences", preferences.Preferences.as_view(), name="loyalty-preferences"),
    path("preferences/push-key", push_key.PushKey.as_view(), name="loyalty-push-key"),
    path("nudges", nudges.Nudges.as_view(), name="loyalty-nudges"),
    path("nudges/history", nudges.NudgeHistory.as_view(), name="loyalty-nudges-history"),
    path("nudges/<uuid:nudge_id>/status", nudges.NudgeStatus.as_view(), name="loyalty-nudge-status"),
]
