"""What this app stores of a person, how it hands it out and how it forgets."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

from loyalty.cards import new_card_number, new_referral_code
from loyalty.models import CheckoutIntent, LedgerEntry, LotAllocation, Member, PointLot, Redemption, ReplacedCard
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer

# Facts of an event that tell of a person; ids of rows and references of orders do not.
TELLING_FACTS = ("card_number", "old_card_number", "reason", "note")


def register() -> None:
    """Answer for this app's tables."""
    privacy.keep(
        Member._meta.db_table,
        columns=["card_number", "referral_code"],
        export=lambda customer: _rows(Member.objects.filter(customer=customer)),
        forget=_forget_cards,
    )
    privacy.keep(
        ReplacedCard._meta.db_table,
        columns=["card_number", "reason"],
        export=lambda customer: _rows(ReplacedCard.objects.filter(member__customer=customer)),
        forget=_forget_replaced_cards,
    )
    privacy.keep(
        LedgerEntry._meta.db_table,
        columns=["description", "metadata"],
        export=lambda customer: _rows(
            LedgerEntry.objects.filter(member__customer=customer).order_by("member", "number"),
            without=["fingerprint", "key"],
        ),
        forget=_forget_words_of_entries,
    )
    privacy.keep(
        PointLot._meta.db_table,
        columns=[],
        export=lambda customer: _rows(PointLot.objects.filter(member__customer=customer)),
        forget=_nothing_tells,
    )
    privacy.keep(
        LotAllocation._meta.db_table,
        columns=[],
        export=lambda customer: _rows(LotAllocation.objects.filter(entry__member__customer=customer)),
        forget=_nothing_tells,
    )
    privacy.keep(
        Redemption._meta.db_table,
        columns=["reason", "metadata"],
        export=lambda customer: _rows(
            Redemption.objects.filter(member__customer=customer).order_by("requested_at"),
            without=["fingerprint", "key"],
        ),
        forget=_forget_words_of_redemptions,
    )
    privacy.keep(
        CheckoutIntent._meta.db_table,
        columns=["channel", "referral_code", "metadata"],
        export=lambda customer: _rows(CheckoutIntent.objects.filter(member__customer=customer).order_by("pk")),
        forget=_forget_words_of_intents,
    )
    privacy.keep(
        OutboxEvent._meta.db_table,
        columns=["facts", "error"],
        export=lambda customer: _rows(_news_of(customer).order_by("id"), without=["delivered_to", "error"]),
        forget=_forget_news,
    )


def _rows(rows: QuerySet[Any], without: list[str] | None = None) -> list[dict[str, Any]]:
    model: type[Model] = rows.model
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in (without or [])]
    return list(rows.values(*names))


def _nothing_tells(customer: Customer, at: datetime) -> None:
    """Amounts and dates without a name: the books need them, and nobody is told by them."""


def _forget_cards(customer: Customer, at: datetime) -> None:
    for member in Member.objects.filter(customer=customer).order_by("pk"):
        Member.objects.filter(pk=member.pk).update(
            card_number=new_card_number(), referral_code=new_referral_code(), is_active=False
        )


def _forget_replaced_cards(customer: Customer, at: datetime) -> None:
    ReplacedCard.objects.filter(member__customer=customer).delete()


def _forget_words_of_entries(customer: Customer, at: datetime) -> None:
    members = list(Member.objects.filter(customer=customer).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_forget_v1(%s)", [members])


def _forget_words_of_redemptions(customer: Customer, at: datetime) -> None:
    Redemption.objects.filter(member__customer=customer).update(reason="", metadata={})


def _forget_words_of_intents(customer: Customer, at: datetime) -> None:
    CheckoutIntent.objects.filter(member__customer=customer).update(channel="", referral_code="", metadata={})


def _news_of(customer: Customer) -> QuerySet[OutboxEvent]:
    members = [str(pk) for pk in Member.objects.filter(customer=customer).values_list("pk", flat=True)]
    return OutboxEvent.objects.filter(merchant_id=customer.merchant_id, facts__member_id__in=members)


def _forget_news(customer: Customer, at: datetime) -> None:
    # Emptied and not removed: whoever has yet to hear of the event finds the field.
    members = [str(pk) for pk in Member.objects.filter(customer=customer).values_list("pk", flat=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE outbox_events SET error = '', facts = facts || (
                SELECT coalesce(jsonb_object_agg(fact, ''), '{}') FROM unnest(%(telling)s::text[]) AS fact
                  WHERE facts ? fact)
              WHERE merchant_id = %(merchant)s AND facts ->> 'member_id' = ANY (%(members)s::text[])
                AND (facts ?| %(telling)s::text[] OR error <> '')
            """,
            {"telling": list(TELLING_FACTS), "merchant": customer.merchant_id, "members": members},
        )
