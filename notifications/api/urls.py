"""The addresses of messages, below /api/v1/loyalty/."""

from django.urls import path

from notifications.api import preferences

urlpatterns = [
    path("preferences", preferences.Preferences.as_view(), name="loyalty-preferences"),
]
