"""PostgreSQL itself keeps the books: what the runtime role may not write, and what nobody may."""

import psycopg
import pytest
from django.db import transaction
from psycopg import errors

from loyalty import ledger
from loyalty.ledger import Posting
from loyalty.models import FREE_TEXT_KEYS, EntryType, LedgerEntry, Member, PointLot
from loyalty.models.members import VALUE_FIELDS
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import reading

FORGETTABLE = dict.fromkeys(FREE_TEXT_KEYS, "words about a person") | {"kind": "restore"}


@pytest.fixture
def member(own_database):
    """Alice: an entry with words, one that took of a lot, and a hold."""
    member = make_member(make_merchant("cafe"), "alice")
    postings = [
        Posting(
            member=member, type=EntryType.EARN, points=100, expires_at=NOON, description="said", metadata=FORGETTABLE
        ),
        Posting(member=member, type=EntryType.REDEEM, points=-30),
        Posting(member=member, type=None, held=10),
    ]
    with transaction.atomic():
        ledger.post(postings, at=NOON)
    return member


@pytest.fixture
def runtime(member, own_database):
    """The role that serves."""
    with own_database.connect() as connection:
        yield connection


@pytest.fixture
def owner(member, owner_connection):
    """The role that owns the tables, with everything pgtrigger lets it say to be left alone."""
    names = owner_connection.execute("SELECT array_agg(tgname::text) FROM pg_trigger").fetchone()[0]
    owner_connection.execute("SELECT set_config('pgtrigger.ignore', %s, false)", ["{" + ",".join(names) + "}"])
    return owner_connection


def _books(member):
    return reading.books([Member.objects.get(pk=member.pk)])


REFUSED_TO_RUNTIME = [
    "UPDATE loyalty_ledger_entries SET points_delta = 1",
    "UPDATE loyalty_ledger_entries SET description = ''",
    "DELETE FROM loyalty_ledger_entries",
    "TRUNCATE loyalty_ledger_entries",
    "TRUNCATE loyalty_members CASCADE",
    "INSERT INTO loyalty_ledger_entries SELECT * FROM loyalty_ledger_entries",
    "UPDATE loyalty_members SET points_balance = 1000",
    "UPDATE loyalty_members SET points_held = 0",
    "UPDATE loyalty_members SET lifetime_points = 1000",
    "UPDATE loyalty_members SET stamp_count = 10",
    "UPDATE loyalty_members SET last_number = 7",
    "UPDATE loyalty_members SET is_active = true, points_balance = 1000",
    "DELETE FROM loyalty_members",
    "INSERT INTO loyalty_point_expirations SELECT * FROM loyalty_point_expirations",
    "UPDATE loyalty_point_expirations SET consumed = 0",
    "UPDATE loyalty_point_expirations SET points = 1000",
    "UPDATE loyalty_point_expirations SET expires_at = now()",
    "UPDATE loyalty_point_expirations SET status = 'scheduled'",
    "DELETE FROM loyalty_point_expirations",
    "TRUNCATE loyalty_point_expirations CASCADE",
    "INSERT INTO loyalty_lot_allocations SELECT * FROM loyalty_lot_allocations",
    "UPDATE loyalty_lot_allocations SET points = 1",
    "DELETE FROM loyalty_lot_allocations",
    "TRUNCATE loyalty_lot_allocations",
    "ALTER TABLE loyalty_ledger_entries DISABLE TRIGGER ALL",
    "ALTER TABLE loyalty_members DROP CONSTRAINT holds_within_balance",
    "CREATE OR REPLACE FUNCTION ledger_guard_v1() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SET session_replication_role = replica",
    "SELECT ledger_refuse_v1('RG001', 1, 1, 1, 1, '')",
]


def _went_through(connection, statements, refusal):
    """Those of the statements that were not refused like this."""
    through = []
    for statement in statements:
        try:
            connection.execute(statement)
        except refusal:
            continue
        except psycopg.Error as error:
            through.append((statement, error))
        else:
            through.append((statement, "done"))
    return through


def test_the_runtime_role_may_write_value_in_no_other_way(member, runtime):
    before = _books(member)

    through = _went_through(runtime, REFUSED_TO_RUNTIME, errors.InsufficientPrivilege)

    assert through == []
    assert _books(member) == before


def test_the_runtime_role_may_mark_a_lot_as_warned_of(member, runtime):
    runtime.execute("UPDATE loyalty_point_expirations SET warned_at = now()")

    assert PointLot.objects.get().warned_at is not None


CHANGES = {
    "id": "gen_random_uuid()",
    "merchant_id": "gen_random_uuid()",
    "member_id": "gen_random_uuid()",
    "number": "number + 10",
    "type": "'undo'",
    "points_delta": "points_delta + 1",
    "points_balance_after": "points_balance_after + 1",
    "stamps_delta": "stamps_delta + 1",
    "stamps_balance_after": "stamps_balance_after + 1",
    "lifetime_delta": "lifetime_delta + 1",
    "requested": "1",
    "store_id": "gen_random_uuid()",
    "actor_id": "gen_random_uuid()",
    "order_reference": "'W-1'",
    "run_id": "gen_random_uuid()",
    "answers_id": "gen_random_uuid()",
    "key": "id::text",
    "fingerprint": "'x'",
    "description": "'something else'",
    "metadata": "metadata || '{\"amount\": 1}'",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "created_at": "created_at + interval '1 microsecond'",
}
REFUSED_TO_ANYBODY = [
    *(f"UPDATE loyalty_ledger_entries SET {column} = {value}" for column, value in CHANGES.items()),
    "UPDATE loyalty_ledger_entries SET metadata = metadata - 'kind'",
    "UPDATE loyalty_ledger_entries SET metadata = '{}'",
    "UPDATE loyalty_ledger_entries SET description = '', points_delta = points_delta + 1",
    "UPDATE loyalty_ledger_entries SET description = '', metadata = '{}', number = number + 10",
    "DELETE FROM loyalty_ledger_entries",
    "TRUNCATE loyalty_ledger_entries",
    "TRUNCATE loyalty_members CASCADE",
    "DELETE FROM loyalty_point_expirations",
    "TRUNCATE loyalty_point_expirations CASCADE",
    "UPDATE loyalty_lot_allocations SET points = points + 1",
    "DELETE FROM loyalty_lot_allocations",
    "TRUNCATE loyalty_lot_allocations",
]


def test_even_the_owner_changes_no_entry_and_removes_nothing(member, owner):
    before = _books(member)

    through = _went_through(owner, REFUSED_TO_ANYBODY, errors.RaiseException)

    assert through == []
    assert _books(member) == before


@pytest.mark.parametrize("ignoring", [False, True], ids=["plainly", "with pgtrigger ignored"])
def test_nobody_is_born_rich(member, runtime, ignoring):
    if ignoring:
        names = runtime.execute("SELECT array_agg(tgname::text) FROM pg_trigger").fetchone()[0]
        runtime.execute("SELECT set_config('pgtrigger.ignore', %s, false)", ["{" + ",".join(names) + "}"])
    rich = [
        _birth(points_balance=1000),
        _birth(points_balance=10, points_held=10),
        _birth(lifetime_points=1000),
        _birth(stamp_count=10),
        _birth(last_number=7),
    ]

    through = _went_through(runtime, rich, errors.RaiseException)

    assert through == []
    assert Member.objects.count() == 1


def _birth(**value):
    """SQL that makes a member with this value; all else is as Alice has it."""
    given = dict.fromkeys(VALUE_FIELDS, 0) | value
    given |= {"id": "gen_random_uuid()", "customer_id": "gen_random_uuid()", "card_number": "'1'"}
    columns = [field.column for field in Member._meta.concrete_fields]
    values = ", ".join(str(given.get(name, name)) for name in columns)
    return f"INSERT INTO loyalty_members ({', '.join(columns)}) SELECT {values} FROM loyalty_members"


def test_the_changes_tried_are_of_every_column():
    assert set(CHANGES) == {field.column for field in LedgerEntry._meta.concrete_fields}


def test_forgetting_empties_words_and_nothing_else(member, runtime):
    before = _books(member)
    other = LedgerEntry.objects.get(number=2)

    (forgotten,) = runtime.execute("SELECT ledger_forget_v2(%s)", [[member.pk]]).fetchone()

    entry = LedgerEntry.objects.get(number=1)
    assert forgotten == 1
    assert (entry.description, entry.metadata) == ("", {"kind": "restore"})
    assert _books(member) == before
    assert LedgerEntry.objects.filter(pk=other.pk).values().get() == _values(other)


def _values(entry):
    return {field.attname: getattr(entry, field.attname) for field in LedgerEntry._meta.concrete_fields}


def test_mending_writes_what_the_entries_say_however_often_a_member_is_named(member, runtime):
    Member.objects.get(pk=member.pk).redemptions.create(
        merchant_id=member.merchant_id, points_cost=10, requested_at=NOON
    )
    before = _books(member)

    (mended,) = runtime.execute("SELECT ledger_mend_v1(%s)", [[member.pk, member.pk]]).fetchone()

    assert mended == 0
    assert _books(member) == before


def test_mending_corrects_what_was_tampered_with(member, owner, runtime):
    before = _books(member)
    owner.execute("UPDATE loyalty_members SET points_balance = 7000, stamp_count = 9, points_held = 0")

    (mended,) = runtime.execute("SELECT ledger_mend_v1(%s)", [[member.pk, member.pk]]).fetchone()

    before.cards[member.pk].held = 0  # No redemption holds points.
    assert mended == 1
    assert _books(member) == before


ODD = [
    '{"points": 5, "short": "refuse", "held": 0}',
    '{"points": 0, "stamps": 5, "short": "refuse", "held": 0}',
    '{"points": 5, "short": "clamp", "held": 90}',
]


POSTED_BY = {
    "ledger_post_v1": "SELECT * FROM ledger_post_v1(now(), %s)",
    "ledger_post_set_v1": "SELECT * FROM ledger_post_set_v1(now(), %s)",
    "ledger_post_set_v2": """SELECT * FROM ledger_post_set_v2(now(), ARRAY(
        SELECT posting FROM jsonb_populate_recordset(NULL::ledger_posting_v1, %s) AS posting))""",
}


@pytest.mark.parametrize("function", POSTED_BY)
@pytest.mark.parametrize("odd", ODD)
def test_no_value_moves_without_an_entry_whoever_calls_the_function(member, runtime, function, odd):
    before = _books(member)
    posting = odd[:-1] + f', "member_id": "{member.pk}", "moves_lifetime": false, "id": "{new_id()}"}}'
    posting = posting if '"stamps"' in posting else posting[:-1] + ', "stamps": 0}'

    with pytest.raises(psycopg.Error, match=r"no type|refused"):
        runtime.execute(POSTED_BY[function], [f"[{posting}]"])

    assert _books(member) == before


@pytest.mark.parametrize("nobody", ["NULL", "ARRAY[NULL]::ledger_posting_v1[]"])
def test_a_set_of_nobody_is_refused(member, runtime, nobody):
    with pytest.raises(psycopg.Error, match="names no member"):
        runtime.execute(f"SELECT * FROM ledger_post_set_v2(now(), {nobody})")


@pytest.mark.parametrize("function", ["ledger_post_v1", "ledger_post_set_v1"])
def test_a_hold_that_clamps_is_refused_and_gives_nothing(member, function):
    posting = Posting(member=member, type=None, held=90, short=ledger.Short.CLAMP)

    with pytest.raises(ledger.InsufficientPoints), transaction.atomic():
        ledger.post([posting], at=NOON, body={"ledger_post_v1": "rows", "ledger_post_set_v1": "set"}[function])

    assert Member.objects.get().points_balance == 70


CREDIT = """
SELECT number FROM ledger_credit_v2(
    %(id)s, %(merchant)s, %(member)s, %(type)s, %(points)s, %(stamps)s, NULL, NULL, true, %(below)s, false,
    %(needs_active)s, NULL, NULL, '', NULL, NULL, '', '{}', now(), 'loyalty.points_earned', false, %(card)s)"""


def _credited(connection, member, **more):
    """The number of the entry that the function wrote, called with these values; None where it did nothing."""
    given = {"points": 5, "stamps": 0, "type": "earn", "below": None, "needs_active": True, "card": None}
    given |= {"id": new_id(), "merchant": member.merchant_id, "member": member.pk}
    (number,) = connection.execute(CREDIT, given | more).fetchone()
    return number


def _untouched(member, before):
    return _books(member) == before and not OutboxEvent.objects.filter(kind="loyalty.points_earned").exists()


def test_the_runtime_role_may_credit(member, runtime):
    assert _credited(runtime, member) == 3
    assert Member.objects.get().points_balance == 75


@pytest.mark.parametrize(
    "asked", [{"points": -1}, {"stamps": -1}, {"points": 5, "stamps": -1}, {"type": None}, {"type": None, "points": 0}]
)
def test_a_credit_takes_nothing_whoever_calls_the_function(member, runtime, asked):
    before = _books(member)

    with pytest.raises(errors.RaiseException, match="takes nothing"):
        _credited(runtime, member, **asked)

    assert _untouched(member, before)


@pytest.mark.parametrize("name", ["points", "stamps", "id", "needs_active"])
def test_a_credit_with_a_value_missing_writes_nothing_that_is_not_whole(member, runtime, name):
    before = _books(member)

    if name == "needs_active":
        # Not known to matter is not known not to: nobody is turned away for it, and the card is active.
        assert _credited(runtime, member, needs_active=None) == 3
        return
    with pytest.raises(errors.NotNullViolation):
        _credited(runtime, member, **{name: None})
    assert _untouched(member, before)


def test_a_member_of_another_merchant_gets_nothing(member, runtime):
    other = make_merchant("bookshop").merchant_id
    before = _books(member)

    assert _credited(runtime, member, merchant=other) is None
    assert _credited(runtime, member, merchant=None) is None

    assert _untouched(member, before)


def test_a_bound_that_would_be_reached_and_a_card_that_is_off_get_nothing(member, runtime):
    before = _books(member)
    assert _credited(runtime, member, below=105) is None
    assert _untouched(member, before)
    Member.objects.update(is_active=False)
    before = _books(member)

    assert _credited(runtime, member) is None
    assert _untouched(member, before)
    assert _credited(runtime, member, needs_active=False, below=106) == 3


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_is_no_ground_to_credit_on(member, runtime, level):
    before = _books(member)

    with pytest.raises(errors.RaiseException, match="READ COMMITTED alone"), runtime.transaction():
        runtime.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        _credited(runtime, member)

    assert _untouched(member, before)


def test_who_only_reads_may_not_credit(member, own_database):
    before = _books(member)

    with (
        psycopg.connect(own_database.readonly_url, autocommit=True) as reader,
        pytest.raises(errors.InsufficientPrivilege, match="ledger_credit_v2"),
    ):
        _credited(reader, member)

    assert _untouched(member, before)
