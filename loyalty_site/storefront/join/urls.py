"""Where people join a merchant's program, below /join/."""

from django.urls import path

from loyalty_site.storefront.join import confirm_views, poster_views, views

urlpatterns = [
    path("<slug:merchant_slug>", views.join, name="join"),
    path("<slug:merchant_slug>/thanks", views.thanks, name="join-thanks"),
    path("<slug:merchant_slug>/confirm/<str:token>", confirm_views.confirm, name="join-confirm"),
    path("<slug:merchant_slug>/start.gif", views.start, name="join-start"),
    path("<slug:merchant_slug>/qr", poster_views.poster, name="join-qr"),
]
