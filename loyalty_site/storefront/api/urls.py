"""The addresses of what several apps tell of a member, below /api/v1/loyalty/."""

from django.urls import path

from loyalty_site.storefront.api import timeline

urlpatterns = [
    path("timeline", timeline.Timeline.as_view(), name="loyalty-timeline"),
]
