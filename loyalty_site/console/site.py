"""The admin site."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse_lazy
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminPasswordWidget


class ChoosePasswordForm(SetPasswordForm):
    """Django's form, in the console's looks."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for field in self.fields.values():
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


def invitation(request: HttpRequest, **where: str) -> HttpResponseBase:
    """Choose a password with a link that the staff pages gave."""
    return PasswordResetConfirmView.as_view(
        template_name="admin/invitation.html",
        form_class=ChoosePasswordForm,
        success_url=reverse_lazy("admin:login"),
        extra_context=admin.site.each_context(request),
    )(request, **where)


class ConsoleSite(UnfoldAdminSite):
    """Where a merchant's staff, and the platform's, work."""

    index_title = _("Overview")
    index_template = "admin/index.html"

    def extra_urls(self) -> list[Any]:
        """Where somebody invited chooses a password, before they can sign in; and the pages that are of no one list."""
        from loyalty_site.console import mailbox

        return [
            path("invitation/<uidb64>/<token>/", invitation, name="invitation"),
            path("analytics/", self.admin_view(self.analytics), name="analytics"),
            *mailbox.urls(),
        ]

    def analytics(self, request: HttpRequest) -> TemplateResponse:
        """What members do: segments, velocity, cohorts, liability and the figures of a range of days."""
        from loyalty_site.console import analytics

        return TemplateResponse(
            request, "admin/analytics/page.html", {**self.each_context(request), **analytics.context(request)}
        )

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The figures of each of the user's merchants."""
        from loyalty_site.console import dashboard

        # An app list would be a second menu beside the sidebar's, and costs its permission checks.
        return super().index(request, {**(extra_context or {}), **dashboard.context(request)})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's search over the names of lists; rows are searched in their own lists, which are scoped and paged."""
        if not request.GET.get("page", "1").isdecimal():
            raise Http404
        return super().search(request, extra_context)
