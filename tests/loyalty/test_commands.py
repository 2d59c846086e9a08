"""What an operator types: reports, exit codes, refusals."""

import json

import pytest

from loyalty.jobs import LedgerDriftError, expire_points, reconcile, release_holds, run_loyalty_progression
from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, Member, Program
from loyalty.operations import points, redemptions
from loyalty_site.jobs.models import Run
from tests.cast import make_member, make_merchant
from tests.loyalty.test_expiration import DAY, policy


@pytest.fixture
def due(own_database, noon):
    """A member of the café with 100 points, due 30 days after noon, and one of the bookshop."""
    from decimal import Decimal

    members = []
    for slug in ("cafe", "bookshop"):
        member = make_member(make_merchant(slug), f"reader-of-{slug}")
        policy(member, ExpiryPolicy.INACTIVITY)
        counter = member.merchant.stores.create(reference="1", name="One")
        points.earn(member=member, store=counter, amount=Decimal(10), order_reference="1", at=noon)
        members.append(member)
    return members[0]


def answer(outcome, code: int = 0) -> dict:
    assert outcome.returncode == code, outcome.stderr
    return json.loads(outcome.stdout)


def balance(member) -> int:
    return Member.objects.values_list("points_balance", flat=True).get(pk=member.pk)


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(due, manage, noon):
    as_of = (noon + 30 * DAY).isoformat()

    foreseen = answer(manage("expire_points", "--as-of", as_of, "--dry-run", "--format", "json"))

    assert (foreseen["dry_run"], foreseen["programs"], foreseen["members"], foreseen["points"]) == (True, 2, 2, 200)
    assert [row["merchant"] for row in foreseen["by_tier"]] == ["bookshop", "cafe"]
    assert not LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED).exists()
    assert not Run.objects.exists()


def test_a_run_of_one_merchant_can_be_undone_and_undone_only_once(due, manage, noon):
    as_of = (noon + 30 * DAY).isoformat()

    done = answer(manage("expire_points", "--merchant", "cafe", "--as-of", as_of, "--format", "json"))
    assert (done["programs"], done["members"], done["points"], balance(due)) == (1, 1, 100, 0)

    foreseen = answer(manage("undo_run", done["run"], "--dry-run", "--format", "json"))
    undone = answer(manage("undo_run", done["run"], "--format", "json"))
    again = answer(manage("undo_run", done["run"], "--format", "json"))

    assert (foreseen["entries"], foreseen["points_given_back"]) == (1, 100)
    assert (undone["entries"], undone["points"], undone["status"]) == (1, 100, "succeeded")
    assert "next night takes these points again" in undone["note"]
    assert (again["entries"], again["note"]) == (0, "There was nothing left to undo.")
    assert balance(due) == 100
    assert Run.objects.filter(undoes=done["run"]).count() == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["expire_points", "--as-of", "2099-01-01"], "future"),
        (["expire_points", "--as-of", "yesterday"], "ISO 8601"),
        (["expire_points", "--merchant", "nobody"], "nobody"),
        (["expire_points", "--chunk", "0"], "--chunk"),
        (["undo_run", "01890000-0000-7000-8000-000000000000"], "There is no run"),
        (["undo_run", "nonsense"], "nonsense"),
        (["restore_points", "4000000000000002", "5", "--reason", "x"], "no card"),
        (["verify_ledger", "--merchant", "nobody"], "nobody"),
        (["release_holds", "--older-than", "-1"], "--older-than"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_exit_code_2(due, manage, arguments, said):
    outcome = manage(*arguments)

    assert outcome.returncode == 2
    assert said in outcome.stderr
    assert outcome.stdout == ""
    assert balance(due) == 100


def test_points_are_restored_with_a_reason_once_a_key(due, manage):
    restore = ["restore_points", due.card_number, "50", "--reason", "storm", "--key", "K", "--format", "json"]

    first = answer(manage(*restore))
    second = answer(manage(*restore))

    assert (first["points"], first["balance_before"], first["balance"]) == (50, 100, 150)
    assert second["entry"] == first["entry"]
    assert balance(due) == 150


def test_a_restore_wants_a_reason_and_whole_points(due, manage):
    for arguments in (["50", "--reason", " "], ["0", "--reason", "x"], ["1.5", "--reason", "x"], ["50"]):
        assert manage("restore_points", due.card_number, *arguments).returncode == 2
    assert balance(due) == 100


def test_verify_ledger_ends_with_1_where_something_differs(due, manage, owner_connection):
    assert answer(manage("verify_ledger", "--format", "json"))["differences"] == 0

    owner_connection.execute("UPDATE loyalty_members SET points_balance = points_balance + 1")
    found = answer(manage("verify_ledger", "--merchant", "cafe", "--format", "json"), code=1)
    mended = answer(manage("verify_ledger", "--fix-cache", "--format", "json"))

    assert (found["differences"], found["listed"][0]["check"]) == (1, "balance")
    assert (mended["mended"], mended["differences"]) == (2, 0)
    assert balance(due) == 100


def test_a_report_is_a_table_for_people(due, manage):
    outcome = manage("verify_ledger")

    assert outcome.returncode == 0
    assert "differences" in outcome.stdout


def test_holds_are_released_by_hand(due, manage, noon):
    redemptions.hold(member=due, points=30, at=noon)

    released = answer(manage("release_holds", "--merchant", "cafe", "--older-than", "7", "--format", "json"))

    due.refresh_from_db()
    assert (released["redemptions"], released["points"], due.points_held) == (1, 30, 0)


def test_the_nightly_job_runs_as_of_two_oclock_and_once_a_night(due):
    expire_points()
    expire_points()

    run = Run.objects.get(job="loyalty.expire_points")
    assert (run.as_of.hour, run.as_of.minute, run.as_of.second) == (2, 0, 0)
    assert (run.status, run.counts["members"], run.trigger) == ("succeeded", 2, "schedule")
    assert set(LedgerEntry.objects.filter(run_id=run.pk).values_list("occurred_at", flat=True)) == {run.as_of}


def test_a_program_that_fails_keeps_no_other_from_its_night(due, owner_connection):
    # The café's members can no longer be written; nobody patched anything.
    owner_connection.execute(
        "ALTER TABLE loyalty_members ADD CONSTRAINT stuck CHECK (points_balance > 0 OR merchant_id <> "
        f"'{due.merchant_id}') NOT VALID"
    )

    with pytest.raises(ExceptionGroup):
        expire_points()

    run = Run.objects.get(job="loyalty.expire_points")
    assert (run.status, run.counts["members"]) == ("failed", 1)
    assert "while expiring points of cafe" in run.error
    assert balance(due) == 100


def test_reconciliation_that_finds_something_fails_loudly(due, owner_connection):
    reconcile()
    owner_connection.execute("UPDATE loyalty_members SET points_balance = points_balance + 1")

    with pytest.raises(LedgerDriftError):
        reconcile()

    statuses = list(Run.objects.filter(job="loyalty.reconcile").order_by("started_at").values_list("status", flat=True))
    assert statuses == ["succeeded", "failed"]


def test_the_hourly_job_releases_stale_holds(due, noon):
    redemptions.hold(member=due, points=30, at=noon)

    release_holds()

    due.refresh_from_db()
    assert due.points_held == 0
    assert Run.objects.get(job="loyalty.release_holds").counts["redemptions"] == 1
    assert Program.objects.count() == 2


# --- The progression ------------------------------------------------------------------------------------------
@pytest.fixture
def faithful(due, noon):
    """The café's member bought at noon and buys again a week later: a streak."""
    from decimal import Decimal

    counter = due.merchant.stores.get()
    points.earn(member=due, store=counter, amount=Decimal(5), order_reference="2", at=noon + 7 * DAY)
    return due, ["--as-of", (noon + 7 * DAY).isoformat(), "--format", "json"]


def test_the_progression_is_foreseen_and_then_done_at_one_merchant(faithful, manage):
    member, when = faithful

    foreseen = answer(manage("run_progression", "--merchant", "cafe", "--dry-run", *when))
    assert (foreseen["dry_run"], foreseen["streaks"], balance(member)) == (True, 1, 150)
    assert not Run.objects.exists()

    done = answer(manage("run_progression", "--merchant", "cafe", *when))
    again = answer(manage("run_progression", *when))

    assert (done["streaks"], done["points"], done["programs"], balance(member)) == (1, 10, 1, 160)
    assert (again["streaks"], again["programs"]) == (0, 2)
    assert Run.objects.get(pk=done["run"]).counts["streaks"] == 1


def test_an_undone_progression_that_was_spent_ends_as_a_part(faithful, manage, noon):
    member, when = faithful
    done = answer(manage("run_progression", *when))
    points.adjust(member=member, points=-155, reason="spent", actor=None, key=None, at=noon + 7 * DAY)

    undone = answer(manage("undo_run", done["run"], "--format", "json"))

    assert (undone["status"], undone["points"], undone["shortfall"], balance(member)) == ("partial", -5, 5, 0)
    assert "5 points had been spent" in Run.objects.get(pk=undone["run"]).error
    assert answer(manage("undo_run", done["run"], "--format", "json"))["entries"] == 0


def test_a_progression_of_the_future_is_foreseen_only(faithful, manage):
    assert answer(manage("run_progression", "--as-of", "2199-01-01", "--dry-run", "--format", "json"))["dry_run"]

    assert manage("run_progression", "--as-of", "2199-01-01").returncode == 2
    assert manage("run_progression", "--chunk", "0").returncode == 2


def test_the_hourly_job_runs_as_of_a_quarter_past_and_once_an_hour(due):
    run_loyalty_progression()
    run_loyalty_progression()

    run = Run.objects.get(job="loyalty.run_loyalty_progression")
    assert (run.as_of.minute, run.as_of.second, run.status, run.counts["programs"]) == (15, 0, "succeeded", 2)


def test_a_program_that_fails_keeps_no_other_from_its_hour(due, owner_connection):
    from loyalty.models import Tier

    for program in Program.objects.all():
        Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=50)
    owner_connection.execute(
        "ALTER TABLE loyalty_members ADD CONSTRAINT stuck CHECK (tier_id IS NULL OR merchant_id <> "
        f"'{due.merchant_id}')"
    )

    with pytest.raises(ExceptionGroup):
        run_loyalty_progression()

    run = Run.objects.get(job="loyalty.run_loyalty_progression")
    assert (run.status, run.counts["raised"]) == ("failed", 1)
    assert "while advancing members of cafe" in run.error
