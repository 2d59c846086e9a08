"""Looking after a card, and forgetting a person."""

import pytest

from loyalty import ledger
from loyalty.models import LedgerEntry, Member, ReplacedCard
from loyalty.operations import anonymization, cards, points, redemptions
from loyalty.operations.cards import CardIsReplaced
from loyalty.operations.enrollment import Person, enroll
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import NotFound
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from tests.cast import refused


def test_a_card_is_found_at_its_merchant_only(alice, cafe, bookworm):
    assert cards.find(merchant=cafe, card_number=alice.card_number) == alice

    for number in (bookworm.card_number, "4000000000000002", ""):
        with refused(NotFound):
            cards.find(merchant=cafe, card_number=number)


def test_a_replaced_card_is_refused_and_the_new_one_carries_on(alice, buy, cafe, bookshop, noon):
    buy("10.00")
    old = alice.card_number

    replaced = cards.replace(member=alice, reason="lost", at=noon)

    assert replaced.card_number != old
    with refused(CardIsReplaced) as caught:
        cards.find(merchant=cafe, card_number=old)
    assert (caught.value.code, caught.value.status) == ("card_replaced", 409)
    with refused(NotFound):
        cards.find(merchant=bookshop.merchant, card_number=old)
    assert cards.find(merchant=cafe, card_number=replaced.card_number).points_balance == 100


def test_switching_off_and_on_is_news_once(alice, noon):
    for _ in range(2):
        cards.deactivate(member=alice, at=noon)
    for _ in range(2):
        cards.reactivate(member=alice, at=noon)

    kinds = list(OutboxEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == ["loyalty.member_deactivated", "loyalty.member_reactivated"]
    assert len(kinds) == 3


@pytest.fixture
def known(alice, buy, counter, noon):
    """Alice, of whom much is written down."""
    buy("10.00", items=[{"name": "Alice's cake"}])
    points.adjust(member=alice, points=7, reason="Alice complained", actor=None, key=None, at=noon)
    held = redemptions.hold(member=alice, points=20, at=noon, metadata={"note": "for Alice"})
    redemptions.fail(redemption=held, at=noon, reason="Alice never came")
    cards.replace(member=alice, reason="Alice lost it", at=noon)
    Customer.objects.filter(pk=alice.customer_id).update(phone_number="+352621123456", push_token="alice-token")
    alice.refresh_from_db()
    return alice


def written_of(text: str) -> list[str]:
    """Every table and column of the database in which the text stands."""
    from django.db import connection

    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type IN ('text', 'character varying', 'jsonb', 'uuid')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text ILIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    return found


def test_anonymizing_leaves_no_word_of_the_person_and_the_books_balance(known, cafe, noon):
    old_card, old_user = known.card_number, str(known.customer.user_id)
    replaced = ReplacedCard.objects.get().card_number

    anonymization.anonymize(member=known, at=noon)

    for text in ("alice", "621123456", old_card, replaced, old_user):
        assert [place for place in written_of(text) if not place.startswith("outbox_events.")] == []
    known.refresh_from_db()
    assert (known.points_balance, known.is_active) == (107, False)
    assert LedgerEntry.objects.filter(member=known).count() == 2
    assert list(reconciliation.differences(cafe)) == []
    with refused(NotFound):
        cards.find(merchant=cafe, card_number=old_card)


def test_anonymizing_twice_is_once_and_cannot_be_taken_back(known, noon):
    anonymization.anonymize(member=known, at=noon)
    number = Member.objects.get(pk=known.pk).card_number

    anonymization.anonymize(member=known, at=noon)

    assert Member.objects.get(pk=known.pk).card_number == number
    with refused(NotFound):
        cards.reactivate(member=known, at=noon)
    with refused(ledger.CardInactive):
        redemptions.hold(member=known, points=1, at=noon)


def test_who_left_no_address_is_exported_and_forgotten_like_anybody(program, noon):
    """Somebody with a card and nothing else: no row can be of addresses that they do not have."""
    nobody = enroll(program=program, person=Person(external_ref="till-77"), at=noon).member

    told = privacy.export(nobody.customer)
    anonymization.anonymize(member=nobody, at=noon)

    assert told["customers"][0]["external_ref"] == "till-77"
    assert told["loyalty_message_suppressions"] == []
    assert [place for place in written_of("till-77") if not place.startswith("outbox_events.")] == []
    nobody.refresh_from_db()
    assert not nobody.is_active


def test_an_export_holds_all_that_is_stored(known):
    export = privacy.export(known.customer)

    assert export["customers"][0]["email"] == "alice@example.com"
    assert export["loyalty_members"][0]["card_number"] == known.card_number
    assert [row["number"] for row in export["loyalty_ledger_entries"]] == [1, 2]
    assert export["loyalty_redemptions"][0]["reason"] == "Alice never came"
    assert export["loyalty_replaced_cards"][0]["reason"] == "Alice lost it"
