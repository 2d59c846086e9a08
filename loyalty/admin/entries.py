"""The ledger, to be read."""

import re
from datetime import UTC
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.fields import Field
from unfold.decorators import display

from loyalty.models import EntryType, LedgerEntry, LotAllocation, Member
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.exports import ExportingAdmin
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import Merchant
from loyalty_site.tenants.scoping import ReadOnly

_LOOKS_LIKE_A_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)$")

# Rows of the page, and what has to be there for them to say anything.
_MAY_BE_EMPTY = {
    "stamps": "stamps_delta",
    "stamps_balance_after": "stamps_balance_after",
    "lifetime_delta": "lifetime_delta",
    "requested": "requested",
    "description": "description",
    "order_reference": "order_reference",
    "store": "store_id",
    "actor": "actor_id",
    "run_link": "run_id",
    "answers": "answers_id",
}

# How the operations name the key of an order (loyalty/operations/).
_KEYS_OF_ORDERS = ("earn:", "redeem:", "refund:", "stamp:", "stamp_redeem:")

_COLOURS: dict[str, str] = {
    EntryType.EARN: "success",
    EntryType.WELCOME_BONUS: "success",
    EntryType.REFERRAL_BONUS: "success",
    EntryType.TIER_BONUS: "success",
    EntryType.STAMP_EARNED: "success",
    EntryType.REDEEM: "info",
    EntryType.STAMP_REDEEMED: "info",
    EntryType.POINTS_EXPIRED: "danger",
    EntryType.REFUND: "warning",
    EntryType.UNDO: "warning",
    EntryType.STAMP_VOIDED: "warning",
    EntryType.ADMIN_ADJUSTMENT: "primary",
}


class EntryResource(resources.ModelResource):
    """The columns of an export; the words of entries stay here."""

    card_number = Field(attribute="member__card_number", column_name="card_number")

    class Meta:
        model = LedgerEntry
        fields = [
            "id",
            "card_number",
            "number",
            "type",
            "points_delta",
            "points_balance_after",
            "stamps_delta",
            "stamps_balance_after",
            "order_reference",
            "occurred_at",
            "created_at",
        ]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnly, ExportingAdmin):  # type: ignore[misc]
    merchant_path = "merchant_id"
    resource_classes = [EntryResource]
    list_display = [
        "occurred_at",
        "member_link",
        "shown_type",
        "points",
        "balance",
        "stamps",
        "store",
        "order_reference",
    ]
    list_filter = ["type", "store"]
    list_select_related = ["member", "store"]
    search_fields = ["order_reference"]
    search_help_text = _("Order or card number")
    # The ids count time; an index on it would cost every posting.
    ordering = ["-id"]
    fields = [
        "shown_type",
        "member_link",
        "number",
        "points",
        "balance",
        "stamps",
        "stamps_balance_after",
        "lifetime_delta",
        "requested",
        "why",
        "description",
        "order_reference",
        "store",
        "actor",
        "run_link",
        "answers",
        "answered_by",
        "allocations",
        "occurred_at",
        "created_at",
    ]
    readonly_fields = fields  # type: ignore[assignment]
    shown_if = _MAY_BE_EMPTY

    @display(description=_("type"), ordering="type")
    def shown_type(self, entry: LedgerEntry) -> str:
        return pill(entry.get_type_display(), _COLOURS.get(entry.type))

    @display(description=_("member"))
    def member_link(self, entry: LedgerEntry) -> str:
        return format_html(
            '<a class="console-link" href="{}">{}</a>',
            reverse("admin:loyalty_member_change", args=[entry.member_id]),
            entry.member.card_number,
        )

    @display(description=_("points"), ordering="points_delta")
    def points(self, entry: LedgerEntry) -> str:
        return f"{entry.points_delta:+,}" if entry.points_delta else "0"

    @display(description=_("points after"))
    def balance(self, entry: LedgerEntry) -> str:
        return f"{entry.points_balance_after:,}"

    @display(description=_("stamps"), ordering="stamps_delta")
    def stamps(self, entry: LedgerEntry) -> str:
        return f"{entry.stamps_delta:+,}" if entry.stamps_delta else "-"

    @display(description=_("why"))
    def why(self, entry: LedgerEntry) -> str:
        return readable(entry.metadata)

    @display(description=_("run"))
    def run_link(self, entry: LedgerEntry) -> str:
        run = Run.objects.filter(pk=entry.run_id).first() if entry.run_id else None
        if run is None:
            return "-"
        return format_html(
            '<a class="console-link" href="{}">{}</a>', reverse("admin:jobs_run_change", args=[run.pk]), run
        )

    @display(description=_("answers"))
    def answers(self, entry: LedgerEntry) -> str:
        if entry.answers_id is None:
            return "-"
        return _links(list(LedgerEntry.objects.filter(pk=entry.answers_id, merchant_id=entry.merchant_id)))

    @display(description=_("answered by"))
    def answered_by(self, entry: LedgerEntry) -> str:
        answers = LedgerEntry.objects.filter(answers_id=entry.pk, merchant_id=entry.merchant_id)
        return _links(list(answers.order_by("number")[:50]))

    @display(description=_("dated points"))
    def allocations(self, entry: LedgerEntry) -> str:
        taken = LotAllocation.objects.filter(entry_id=entry.pk).select_related("lot").order_by("lot__expires_at")[:50]
        if not taken:
            return "-"
        rows = ((f"{-each.points:+,}", f"{each.lot.expires_at:%Y-%m-%d %H:%M} UTC") for each in taken)
        return format_html(
            '<ul class="console-lines">{}</ul>', format_html_join("", "<li>{} of the points of {}</li>", rows)
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exactly this order, or this card, by an index: a search within texts would read the whole ledger."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        # One after the other: asked together, "or" makes PostgreSQL read the ledger through.
        members = list(Member.objects.filter(card_number=term.replace(" ", "")).values_list("pk", flat=True)[:50])
        if members:
            return queryset.filter(member__in=members), False
        keys = [prefix + term for prefix in _KEYS_OF_ORDERS]
        # A key is found by its merchant's index; whoever sees all merchants asks at each.
        return queryset.filter(key__in=keys, merchant_id__in=Merchant.objects.values("pk")), False

    def at(self, merchant_id: UUID, store_id: UUID | None) -> Q:
        """The second condition says the same, and lets a small merchant's entries be found through its members."""
        return super().at(merchant_id, store_id) & Q(member__merchant_id=merchant_id)


def _links(entries: list[LedgerEntry]) -> str:
    if not entries:
        return "-"
    rows = (
        (
            reverse("admin:loyalty_ledgerentry_change", args=[entry.pk]),
            str(entry),
            f"{entry.occurred_at:%Y-%m-%d %H:%M}",
        )
        for entry in entries
    )
    return format_html_join(mark_safe("<br>"), '<a class="console-link" href="{}">{}</a>, {} UTC', rows)


def readable(facts: Any) -> str:
    """Metadata as names and values; what is nested, indented below its name."""
    if isinstance(facts, dict):
        if not facts:
            return "-"
        rows = ((str(name).replace("_", " "), readable(value)) for name, value in facts.items())
        return format_html(
            '<dl class="console-facts">{}</dl>',
            format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows),
        )
    if isinstance(facts, list):
        return format_html(
            '<ul class="console-lines">{}</ul>',
            format_html_join("", "<li>{}</li>", ((readable(each),) for each in facts)),
        )
    if isinstance(facts, bool):
        return str(_("yes") if facts else _("no"))
    if facts is None or facts == "":
        return "-"
    moment = parse_datetime(facts) if isinstance(facts, str) and _LOOKS_LIKE_A_TIME.match(facts) else None
    return format_html("{}", f"{date_format(moment.astimezone(UTC), 'DATETIME_FORMAT')} UTC" if moment else str(facts))
