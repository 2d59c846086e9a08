"""What needs somebody: a line each, and the page where it is put right."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty_site.tenants.scoping import own_rows
from notifications.models import Message, WebhookEndpoint
from notifications.queries import failures
from referrals.models import ReferralReview

_MOST = 10


@dataclass(frozen=True)
class Notice:
    """One thing that needs somebody. `kind` colours it: danger or warning."""

    text: str
    link: str
    kind: str = "warning"


def notices(request: HttpRequest) -> list[Notice]:
    """What this user may see of it and do about it, the gravest first."""
    user, at = request.user, timezone.now()
    found = [*_reviews(user, at), *_messages(user, at), *_endpoints(user)]
    return sorted(found, key=lambda notice: notice.kind != "danger")


def _reviews(user: Any, at: datetime) -> list[Notice]:
    """Rewards that wait for their decision; grave where one has waited past its deadline."""
    own = own_rows(admin.site, user, ReferralReview, "referrals.change_referralreview")
    waiting = own.filter(status=ReferralReview.Status.OPEN).values("merchant__name", "merchant_id").order_by()
    counted = waiting.annotate(rewards=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=at)))
    link = reverse("admin:referrals_referralreview_changelist") + "?status__exact=open"
    return [
        Notice(
            ngettext(
                "%(count)s reward of a referral (%(merchant)s) waits for a decision.",
                "%(count)s rewards of referrals (%(merchant)s) wait for a decision.",
                row["rewards"],
            )
            % {"count": row["rewards"], "merchant": row["merchant__name"]},
            link,
            "danger" if row["overdue"] else "warning",
        )
        for row in counted.order_by("merchant__name", "merchant_id")[:_MOST]
    ]


def _messages(user: Any, at: datetime) -> list[Notice]:
    """Messages that failed in the last 24 hours."""
    own = own_rows(admin.site, user, Message, "notifications.change_message")
    failed = own.filter(status=Message.Status.FAILED, finished_at__gte=at - failures.WINDOW)
    counted = failed.values("merchant__name", "merchant_id").order_by().annotate(messages=Count("pk"))
    link = reverse("admin:notifications_message_changelist") + "?status__exact=failed"
    return [
        Notice(
            ngettext(
                "%(count)s message (%(merchant)s) failed in 24 hours.",
                "%(count)s messages (%(merchant)s) failed in 24 hours.",
                row["messages"],
            )
            % {"count": row["messages"], "merchant": row["merchant__name"]},
            link,
        )
        for row in counted.order_by("merchant__name", "merchant_id")[:_MOST]
    ]


def _endpoints(user: Any) -> list[Notice]:
    """Webhook endpoints that were switched off for them, and those that fail now."""
    own = own_rows(admin.site, user, WebhookEndpoint, "notifications.change_webhookendpoint")
    in_need = own.filter(
        Q(is_active=False) & ~Q(disabled_reason=WebhookEndpoint.Off.STAFF)
        | Q(is_active=True, failing_since__isnull=False)
    )
    found = []
    for endpoint in in_need.select_related("merchant").order_by("is_active", "-id")[:_MOST]:
        link = reverse("admin:notifications_webhookendpoint_change", args=[endpoint.pk])
        facts = {"endpoint": endpoint.label, "merchant": endpoint.merchant.name}
        if endpoint.is_active:
            found.append(Notice(_("Webhooks to %(endpoint)s (%(merchant)s) fail.") % facts, link))
        else:
            text = _("Webhooks to %(endpoint)s (%(merchant)s) were switched off.") % facts
            found.append(Notice(text, link, "danger"))
    return found
