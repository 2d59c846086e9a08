"""Expiry asked for by staff: previewed, run by a worker, undone."""

from datetime import timedelta

import pytest
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from loyalty import background
from loyalty.models import ExpiryPolicy
from loyalty.operations import expiration
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run


@pytest.fixture
def expiring(program, alice, buy, noon):
    """Alice's 45 points, due 30 days after noon."""
    program.expiry_policy, program.points_expiration_days = ExpiryPolicy.INACTIVITY, 30
    program.save()
    buy()
    return {"merchant": "cafe", "asOf": (noon + timedelta(days=30)).isoformat()}


def work():
    """Do what is queued, as a worker does: by the function's name, with ids alone."""
    for task in OrmQ.objects.order_by("pk"):
        package = SignedPackage.loads(task.payload)
        task.delete()
        assert all(isinstance(each, str) for each in package["args"])
        getattr(background, package["func"].rpartition(".")[2])(*package["args"])


def test_a_preview_says_what_a_run_would_take_and_takes_nothing(analyst, alice, expiring):
    ahead = analyst.post("expiry/preview", expiring).json()

    assert (ahead["members"], ahead["points"], ahead["unwarned"], ahead["warned"]) == (1, 45, 1, 0)
    assert ahead["tiers"] == [{"tier": None, "members": 1, "points": 45, "unwarned": 1}]
    alice.refresh_from_db()
    assert alice.points_balance == 45


def test_a_run_is_queued_with_its_answer_and_done_by_a_worker(manager, alice, expiring):
    asked = manager.post("expiry/run", expiring)

    assert (asked.status_code, asked.json()["status"]) == (202, "queued")
    run = f"runs/{asked.json()['id']}"
    assert manager.get(run).json()["status"] == "queued"
    work()
    done = manager.get(run).json()
    assert (done["status"], done["moved"]["pointsTaken"], done["actorId"]) == ("succeeded", 45, str(manager.user.pk))
    alice.refresh_from_db()
    assert alice.points_balance == 0


def test_a_run_asked_for_twice_with_one_key_is_one_run(manager, expiring):
    first, again = manager.post("expiry/run", expiring, key="r-1"), manager.post("expiry/run", expiring, key="r-1")

    assert again.json() == first.json()
    assert (Run.objects.count(), OrmQ.objects.count()) == (1, 1)


def test_a_queued_run_that_is_delivered_twice_runs_once(manager, alice, expiring):
    run_id = manager.post("expiry/run", expiring).json()["id"]

    background.expire(run_id)
    background.expire(run_id)

    [run] = Run.objects.all()
    assert run.status == Run.Status.SUCCEEDED
    assert run.counts["points"] == 45


def test_a_queued_run_is_not_taken_for_a_dead_one(manager, expiring):
    manager.post("expiry/run", expiring)

    assert runs.bury_dead_runs() == 0


def test_a_run_of_the_future_is_previewed_only(manager, expiring):
    ahead = {**expiring, "asOf": "2199-01-01T02:00:00Z"}

    assert manager.post("expiry/preview", ahead).status_code == 200
    assert manager.post("expiry/run", ahead).json()["code"] == "future_run"


def test_a_run_is_undone_by_a_run_of_its_own(manager, alice, expiring):
    run_id = manager.post("expiry/run", expiring).json()["id"]
    early = manager.post(f"runs/{run_id}/undo")
    work()

    undo = manager.post(f"runs/{run_id}/undo")
    work()

    assert (early.status_code, early.json()["code"]) == (409, "run_under_way")
    assert (undo.status_code, undo.json()["undoes"]) == (202, run_id)
    alice.refresh_from_db()
    assert alice.points_balance == 45
    assert manager.get(f"runs/{run_id}").json()["undoneBy"] == [undo.json()["id"]]
    assert manager.get(f"runs/{undo.json()['id']}").json()["moved"]["pointsGiven"] == 45


def test_an_undo_is_not_undone(manager, expiring):
    run_id = manager.post("expiry/run", expiring).json()["id"]
    work()
    undo_id = manager.post(f"runs/{run_id}/undo").json()["id"]
    work()

    assert manager.post(f"runs/{undo_id}/undo").json()["code"] == "run_not_undoable"


def test_of_the_nightly_run_a_merchant_sees_its_own_part(manager, platform, alice, expiring, program, noon):
    with runs.record("loyalty.expire_points", trigger=Run.Trigger.SCHEDULE, as_of=noon + timedelta(days=30)) as night:
        night.counts = dict(expiration.expire(programs=[program], at=night.as_of, run_id=night.pk))
        night.counts["points"] += 1000

    own = manager.get(f"runs/{night.pk}").json()
    whole = platform.get(f"runs/{night.pk}").json()

    assert (own["counts"], own["moved"]["pointsTaken"]) == (None, 45)
    assert whole["counts"]["points"] == 1045
    undo = manager.post(f"runs/{night.pk}/undo")
    assert undo.json()["merchant"] == "cafe"


def test_runs_are_listed_newest_first_and_filtered(manager, platform, cafe, bookshop):
    for merchant in (cafe, bookshop.merchant, cafe):
        with runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=merchant):
            pass

    first = manager.get("runs", limit=1).json()
    second = manager.get("runs", limit=1, cursor=first["nextCursor"]).json()

    assert [page["runs"][0]["merchant"] for page in (first, second)] == ["cafe", "cafe"]
    assert second["nextCursor"] is None
    assert len(platform.get("runs").json()["runs"]) == 3
    assert len(platform.get("runs", merchant="bookshop", statuses="succeeded").json()["runs"]) == 1
    assert platform.get("runs", jobs="loyalty.undo_run").json()["runs"] == []
    assert platform.get("runs", statuses="lost").status_code == 400


def test_a_merchant_without_an_active_program_has_nothing_to_preview(manager, program):
    program.is_active = False
    program.save()

    assert manager.post("expiry/preview", {"merchant": "cafe"}).json()["code"] == "program_inactive"
