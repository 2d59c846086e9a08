"""What this app stores of a person, how it hands it out and how it forgets."""

from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from loyalty.models import CheckoutIntent, LedgerEntry, LotAllocation, Member, PointLot, Redemption, ReplacedCard
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer

# Facts of an event that tell of a person; ids of rows and references of orders do not.
TELLING_FACTS = ("card_number", "old_card_number", "reason", "note", "code", "share_url", "invitee_email")


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


def _rows(rows: QuerySet[Any], without: list[str] | None = None) -> QuerySet[Any, dict[str, Any]]:
    model: type[Model] = rows.model
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in (without or [])]
    return rows.values(*names)


def _nothing_tells(customer: Customer, at: datetime) -> None:
    """Amounts and dates without a name: the books need them, and nobody is told by them."""


def _forget_cards(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # Number and code become such as nobody can hold or guess: 124 and 42 random bits behind a hyphen.
    return [
        privacy.Statement(
            """
            UPDATE loyalty_members SET is_active = false,
                card_number = '-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 31),
                referral_code = '-' || substr(
                    translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), 1, 7)
              WHERE customer_id = %s""",
            [customer.pk],
        )
    ]


def _forget_replaced_cards(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.delete(ReplacedCard.objects.filter(member__customer=customer))]


def _forget_words_of_entries(customer: Customer, at: datetime) -> list[privacy.Statement]:
    members = "ARRAY(SELECT id FROM loyalty_members WHERE customer_id = %s)"
    return [privacy.Statement(f"SELECT ledger_forget_v2({members})", [customer.pk])]


def _forget_words_of_redemptions(customer: Customer, at: datetime) -> list[privacy.Statement]:
    return [privacy.update(Redemption.objects.filter(member__customer=customer), reason="", metadata={})]


def _forget_words_of_intents(customer: Customer, at: datetime) -> list[privacy.Statement]:
    intents = CheckoutIntent.objects.filter(member__customer=customer)
    return [privacy.update(intents, channel="", referral_code="", metadata={})]


def _news_of(customer: Customer) -> QuerySet[OutboxEvent]:
    members = Member.objects.filter(customer=customer).annotate(named=Cast("pk", TextField())).values("named")
    about = OutboxEvent.objects.annotate(about=KeyTextTransform("member_id", "facts"))
    return about.filter(merchant_id=customer.merchant_id, about__in=members)


def _forget_news(customer: Customer, at: datetime) -> list[privacy.Statement]:
    # Emptied and not removed: whoever has yet to hear of the event finds the field.
    return [
        privacy.Statement(
            """
            UPDATE outbox_events SET error = '', facts = facts || (
                SELECT coalesce(jsonb_object_agg(fact, ''), '{}') FROM unnest(%s::text[]) AS fact
                  WHERE facts ? fact)
              WHERE merchant_id = %s
                AND facts ->> 'member_id' IN (SELECT id::text FROM loyalty_members WHERE customer_id = %s)
                AND (facts ?| %s::text[] OR error <> '')""",
            [list(TELLING_FACTS), customer.merchant_id, customer.pk, list(TELLING_FACTS)],
        )
    ]
