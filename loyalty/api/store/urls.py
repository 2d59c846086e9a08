"""The store door's addresses, below /api/v1/store/loyalty/."""

from django.urls import path

from loyalty.api.store import views

urlpatterns = [
    path("cards/<str:card_number>/points", views.EarnPoints.as_view(), name="store-earn-points"),
]
