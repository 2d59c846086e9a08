"""Addresses of messages outside the API: the way out of marketing, and where the mail provider reports."""

from django.conf import settings
from django.urls import URLPattern, path

from notifications import sms_views
from notifications.unsubscribe_views import unsubscribe

urlpatterns = [
    path("u/<str:token>", unsubscribe, name="unsubscribe"),
    path("sms/status/<uuid:delivery_id>", sms_views.status, name="sms-status"),
]


def tracking_routes() -> list[URLPattern]:
    """The webhook of the provider in use, and of no other; none without a secret, or anybody could report bounces."""
    if not settings.MAIL_PROVIDER or not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        return []
    from anymail.urls import urlpatterns as known

    names = (f"{settings.MAIL_PROVIDER}_tracking_webhook", f"{settings.MAIL_PROVIDER}_webhook")
    return [
        path(f"mail/{route.pattern}", route.callback, name=route.name)
        for route in known
        if isinstance(route, URLPattern) and route.name in names
    ]


urlpatterns += tracking_routes()
