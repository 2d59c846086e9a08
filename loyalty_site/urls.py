"""Where every address leads."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from loyalty.picture_views import reward_picture
from loyalty_site.http import errors

urlpatterns = [
    # Django asks one after the other: what tills do all day comes first, here and there.
    path("api/v1/store/loyalty/", include("loyalty.api.store.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("api/v1/admin/loyalty/", include("loyalty.api.staff.urls")),
    path("api/v1/loyalty/", include("loyalty.api.operator.urls")),
    path("api/v1/loyalty/", include("loyalty.api.member.urls")),
    path("api/v1/loyalty/", include("loyalty_site.storefront.api.urls")),
    path("api/v1/loyalty/", include("notifications.api.urls")),
    path("", include("notifications.urls")),
    path("join/", include("loyalty_site.storefront.join.urls")),
    path("api/v1/loyalty/", include("referrals.api.urls")),
    path("rewards/pictures/<uuid:picture_id>", reward_picture, name="reward-picture"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api/", errors.not_found),
]

handler400 = errors.handler400
handler403 = errors.handler403
handler404 = errors.handler404
handler500 = errors.handler500
