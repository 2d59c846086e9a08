"""How the console looks, and its menu. Read by settings, so it imports nothing that needs them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may_view(label: str) -> Callable[[HttpRequest], bool]:
    """Whether the user sees the list of this model."""

    def ask(request: HttpRequest) -> bool:
        app, model = label.split(".")
        return bool(request.user.has_perm(f"{app}.view_{model}"))

    return ask


def _is_platform(request: HttpRequest) -> bool:
    from loyalty_site.tenants import permissions

    return permissions.is_platform(request.user)


def _keeps_mail(request: HttpRequest) -> bool:
    from loyalty_site.console import mailbox

    return mailbox.is_there(request)


def _list(title: Any, label: str, icon: str, permission: Callable[[HttpRequest], bool] | None = None) -> dict[str, Any]:
    app, model = label.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": permission or _may_view(label),
    }


def environment(request: HttpRequest) -> list[str] | None:
    """The label beside the user's name: which installation this is, so that nobody restores points in the wrong one."""
    from django.conf import settings

    if settings.ENVIRONMENT_LABEL:
        return [settings.ENVIRONMENT_LABEL, "warning"]
    if settings.DEBUG or settings.EMBEDDED_DATABASE:
        return [str(_("Demo")), "info"]
    return None


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Regulars",
    "SITE_HEADER": "Regulars",
    "SITE_SUBHEADER": _("Loyalty console"),
    "SITE_URL": None,
    "SITE_SYMBOL": "loyalty",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("console/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "loyalty_site.console.theme.environment",
    "STYLES": [lambda request: static("console/console.css")],
    "SCRIPTS": [lambda request: static("console/console.js")],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.4% .02 178)",
            "100": "oklch(94% .045 178)",
            "200": "oklch(88% .08 179)",
            "300": "oklch(80% .11 181)",
            "400": "oklch(70% .12 183)",
            "500": "oklch(59% .105 185)",
            "600": "oklch(49% .088 187)",
            "700": "oklch(42% .075 189)",
            "800": "oklch(36% .062 191)",
            "900": "oklch(31% .05 193)",
            "950": "oklch(23% .04 195)",
        },
    },
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    {
                        "title": _("Analytics"),
                        "icon": "monitoring",
                        "link": reverse_lazy("admin:analytics"),
                        "permission": _may_view("referrals.analyticssnapshot"),
                    },
                ],
            },
            {
                "title": _("Members"),
                "items": [
                    _list(_("Members"), "loyalty.member", "group"),
                    _list(_("Redemptions"), "loyalty.redemption", "redeem"),
                    _list(_("Checkout intents"), "loyalty.checkoutintent", "shopping_cart_checkout"),
                    _list(_("Requests to be forgotten"), "tenants.erasurerequest", "person_remove"),
                ],
            },
            {
                "title": _("Referrals"),
                "items": [
                    _list(_("Invites"), "referrals.invite", "person_add"),
                    _list(_("Reviews"), "referrals.referralreview", "fact_check"),
                    _list(_("Guardrails"), "referrals.guardrailoverride", "traffic"),
                    _list(_("Guardrail history"), "referrals.guardrailauditevent", "history"),
                ],
            },
            {
                "title": _("Money"),
                "items": [
                    _list(_("Ledger"), "loyalty.ledgerentry", "receipt_long"),
                    _list(_("Dated points"), "loyalty.pointlot", "event_upcoming"),
                    _list(_("Runs"), "jobs.run", "play_circle"),
                ],
            },
            {
                "title": _("Messages"),
                "items": [
                    _list(_("Messages"), "notifications.message", "outgoing_mail"),
                    _list(_("Email log"), "notifications.delivery", "mark_email_read"),
                    _list(_("Message texts"), "notifications.templateoverride", "edit_note"),
                    _list(_("Greetings"), "notifications.greetingsettings", "cake"),
                    _list(_("Suppressed addresses"), "notifications.suppression", "unsubscribe"),
                ],
            },
            {
                "title": _("Nudges"),
                "items": [
                    _list(_("Nudge campaigns"), "notifications.nudgecampaign", "campaign"),
                    _list(_("Nudges"), "notifications.nudge", "notifications"),
                    _list(_("Nudges sent"), "notifications.nudgedispatchevent", "forward_to_inbox"),
                ],
            },
            {
                "title": _("Rules"),
                "items": [
                    _list(_("Programs"), "loyalty.program", "loyalty"),
                    _list(_("Tiers"), "loyalty.tier", "military_tech"),
                    _list(_("Rewards"), "loyalty.reward", "featured_seasonal_and_gifts"),
                    _list(_("Referral rules"), "referrals.referralsettings", "diversity_3"),
                ],
            },
            {
                "title": _("Business"),
                "items": [
                    _list(_("Merchants"), "tenants.merchant", "storefront"),
                    _list(_("Stores"), "tenants.store", "store"),
                    _list(_("Staff"), "tenants.staffrole", "badge"),
                    _list(_("Webhook endpoints"), "notifications.webhookendpoint", "webhook"),
                    _list(_("Webhook log"), "notifications.webhookdelivery", "sync_alt"),
                ],
            },
            {
                "title": _("Platform"),
                "items": [
                    _list(_("Users"), "tenants.user", "person", _is_platform),
                    {
                        "title": _("Sent mail"),
                        "icon": "mail",
                        "link": reverse_lazy("admin:mail"),
                        "permission": _keeps_mail,
                    },
                    _list(_("Events"), "outbox.outboxevent", "outbox", _is_platform),
                    _list(_("Workers"), "jobs.worker", "memory", _is_platform),
                    _list(_("Queue"), "jobs.queuedtask", "queue", _is_platform),
                    _list(_("Failed tasks"), "django_q.failure", "report", _is_platform),
                    _list(_("Schedules"), "django_q.schedule", "schedule", _is_platform),
                    _list(_("Message channels"), "notifications.circuit", "electrical_services", _is_platform),
                ],
            },
        ],
    },
}
