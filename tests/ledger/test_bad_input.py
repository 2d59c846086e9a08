"""What the ledger says to what it cannot keep: a clear error, before anything moves."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from loyalty import ledger
from loyalty.ledger import Posting
from loyalty.ledger_credit import credit
from loyalty.models import EntryType, LedgerEntry, Member, PointLot
from loyalty.models.programs import MOST_POINTS
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.texts import InvalidText
from tests.cast import NOON

BODIES = pytest.mark.parametrize("body", ["rows", "set"])
# For one posting that gives: the statement of its own as well.
CREDITS = pytest.mark.parametrize("body", ["rows", "set", "credit"])


def _post(*postings, body="rows", at=NOON):
    with transaction.atomic():
        if body == "credit":
            [posting] = postings
            return [credit(posting, at=at, news="loyalty.points_earned")]
        return ledger.post(postings, at=at, body=body)


@pytest.fixture
def earning(alice):
    return Posting(member=alice, type=EntryType.EARN, points=5)


@contextmanager
def mistake(error, match=None):
    """The block is answered with this error, and no member has moved."""
    with pytest.raises(error, match=match), transaction.atomic():
        yield
    assert not LedgerEntry.objects.exists()
    assert set(Member.objects.values_list("points_held", "last_number")) == {(0, 0)}
    assert not OutboxEvent.objects.filter(kind="loyalty.points_earned").exists()


@pytest.mark.parametrize(
    "words",
    [
        {"description": "a\0b"},
        {"description": "half a \ud83d face"},
        {"metadata": {"items": [{"name": "a\0b"}]}},
        {"metadata": {"a\0b": 1}},
        {"metadata": {"note": ["\udc00"]}},
        {"key": "order:\0"},
        {"order_reference": "\0"},
    ],
    ids=repr,
)
@CREDITS
def test_a_text_that_postgresql_cannot_keep_is_refused(earning, words, body):
    with mistake(InvalidText):
        _post(replace(earning, **words), body=body)


@CREDITS
def test_all_other_texts_are_kept(earning, body):
    words = {"note": "Grüße \U0001f600 \\u0000 \\ud800 \x01\x7f\uffff 漢字", "items": [{"name": "'\"\\"}]}

    [posted] = _post(replace(earning, metadata=words, description=words["note"]), body=body)

    entry = LedgerEntry.objects.get(pk=posted.entry.pk)
    assert entry.metadata == words
    assert entry.description == words["note"]


@CREDITS
def test_very_long_metadata_is_kept(earning, body):
    words = {"items": [{"name": "x" * 1000}] * 2000}

    _post(replace(earning, metadata=words), body=body)

    assert LedgerEntry.objects.get().metadata == words


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=repr)
@CREDITS
def test_a_number_that_json_does_not_know_is_a_mistake(earning, value, body):
    with mistake(ValueError, match="JSON compliant"):
        _post(replace(earning, metadata={"amount": value}), body=body)


@pytest.mark.parametrize("value", [Decimal("4.50"), NOON, new_id(), {1}], ids=type)
@CREDITS
def test_a_value_that_json_does_not_know_is_a_mistake(earning, value, body):
    with mistake(TypeError, match="not JSON serializable"):
        _post(replace(earning, metadata={"amount": value}), body=body)


@pytest.mark.parametrize("name", ["expires_at", "occurred_at", "reopens_until"])
@CREDITS
def test_a_time_without_a_zone_is_a_mistake(earning, name, body):
    with mistake(ValueError, match="zone"):
        _post(replace(earning, points=0, **{name: datetime(2026, 3, 2, 12)}), body=body)  # noqa: DTZ001


@CREDITS
def test_the_hour_of_a_batch_without_a_zone_is_a_mistake(earning, body):
    with mistake(ValueError, match="zone"):
        _post(replace(earning, occurred_at=NOON), at=datetime(2026, 3, 2, 12), body=body)  # noqa: DTZ001


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1850, 6, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(seconds=3208))),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
    ids=str,
)
@BODIES
def test_the_first_and_the_last_day_are_kept(earning, moment, body):
    _post(replace(earning, occurred_at=moment, expires_at=moment), body=body)

    assert LedgerEntry.objects.get().occurred_at == moment
    assert PointLot.objects.get().expires_at == moment


@CREDITS
def test_a_time_that_nobody_could_read_back_is_a_mistake(earning, body):
    west = timezone(timedelta(hours=-5))

    with mistake(OverflowError):
        _post(replace(earning, occurred_at=datetime(9999, 12, 31, 23, tzinfo=west)), body=body)


@pytest.mark.parametrize("name", ["points", "stamps", "held"])
@pytest.mark.parametrize("amount", [1.0, True, Decimal(5), "5", None], ids=repr)
@CREDITS
def test_value_is_whole_numbers(earning, name, amount, body):
    with mistake(TypeError, match="whole number"):
        _post(replace(earning, **{name: amount}), body=body)


@pytest.mark.parametrize("amount", [{"points": MOST_POINTS + 1}, {"points": -(2**63)}, {"stamps": 2**31}], ids=repr)
@CREDITS
def test_absurd_amounts_are_a_mistake(earning, amount, body):
    with mistake(ValueError, match="at most"):
        _post(replace(earning, **amount), body=body)


@CREDITS
def test_the_largest_amount_is_kept(earning, body):
    _post(replace(earning, points=MOST_POINTS), body=body)

    assert Member.objects.get().points_balance == MOST_POINTS


@pytest.mark.parametrize("moves", [{"points": 1}, {"stamps": 1}, {"key": "k"}, {"gives_back": True}], ids=repr)
@CREDITS
def test_without_a_type_a_posting_may_hold_and_nothing_else(alice, moves, body):
    with mistake(ValueError, match="without a type"):
        _post(Posting(member=alice, type=None, **moves), body=body)


@BODIES
def test_more_is_never_released_than_was_held(alice, body):
    with mistake(IntegrityError, match=r"holds_not_negative|refused"):
        _post(Posting(member=alice, type=None, held=-1), body=body)


@BODIES
def test_an_unknown_member_is_a_mistake(earning, alice, body):
    nobody = Member(pk=new_id(), merchant_id=alice.merchant_id)

    with mistake(DatabaseError, match="names no member"):
        _post(earning, replace(earning, member=nobody, id=new_id()), body=body)


def test_a_member_twice_in_a_set_is_a_mistake(earning):
    with mistake(DatabaseError, match="twice in a set"):
        _post(earning, replace(earning, id=new_id()), body="set")


@BODIES
def test_an_id_stands_for_one_entry(earning, bookworm, body):
    with mistake(IntegrityError, match="loyalty_ledger_entries_pkey"):
        _post(earning, replace(earning, member=bookworm), body=body)


def test_an_id_stands_for_one_entry_of_a_credit_too(earning, bookworm):
    with mistake(IntegrityError, match="_pkey"):
        _post(earning, body="credit")
        _post(replace(earning, member=bookworm), body="credit")


def test_a_credit_to_nobody_is_none_of_its_business(earning, alice):
    nobody = Member(pk=new_id(), merchant_id=alice.merchant_id)

    assert _post(replace(earning, member=nobody), body="credit") == [None]


def test_the_days_a_credit_can_name_are_those_that_ledger_post_can(earning):
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)):
        _post(replace(earning, id=new_id(), occurred_at=moment), body="credit")

        assert LedgerEntry.objects.latest("number").occurred_at == moment


@BODIES
def test_what_is_given_back_was_taken_from_the_same_member(alice, bookworm, body):
    for short in ledger.Short:
        giving = Posting(
            member=alice,
            type=EntryType.UNDO,
            points=5,
            gives_back=True,
            answers_id=new_id(),
            short=short,
        )

        with mistake(DatabaseError):
            _post(giving, body=body)


def test_nothing_to_post_is_nothing(db):
    assert ledger.post([], at=NOON) == []
