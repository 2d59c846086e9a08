"""Expiry from the console: looking ahead, running it once, undoing it once."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from loyalty import ledger
from loyalty.admin import mass
from loyalty.cards import new_card_number, new_referral_code
from loyalty.ledger import Posting
from loyalty.models import EntryType, LedgerEntry, Member, Program
from loyalty.operations import enrollment, expiration
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Customer, Role
from tests.console.world import World, make_world

KEY = "a" * 32


@pytest.fixture
def due(ours: World) -> World:
    """Both members have 200 points each that are due by now, 50 of them held."""
    Program.objects.filter(pk=ours.program.pk).update(expiry_policy="both", points_expiration_days=3)
    ours.program.refresh_from_db()
    return ours


def _page(world: World, page: str) -> str:
    return f"/admin/loyalty/program/{world.program.pk}/{page}/"


def _run(key: str = KEY) -> Run:
    return Run.objects.get(key=key)


def _balances(world: World) -> list[int]:
    for member in world.members:
        member.refresh_from_db()
    return [member.points_balance for member in world.members]


# --- Ahead ----------------------------------------------------------------------------------------------------
def test_the_preview_says_what_the_operation_would(manager, due):
    page = manager.get(_page(due, "expiry"))

    ahead = page.context["preview"]
    assert (ahead.members, ahead.points, ahead.unwarned) == (2, 300, 2)
    assert "300" in page.content.decode()
    assert _balances(due) == [200, 200]


def test_the_preview_looks_at_a_chosen_time(manager, due):
    long_ago = timezone.now() - timedelta(days=300)

    page = manager.get(_page(due, "expiry"), {"at": f"{long_ago:%Y-%m-%dT%H:%M}"})

    assert page.context["preview"].members == 0


@pytest.mark.parametrize("at", ["", "x", "0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00"])
def test_a_time_that_is_none_is_said_to_be(at, manager, due):
    page = manager.get(_page(due, "expiry"), {"at": at})

    assert page.status_code == 200
    assert page.context["preview"] is None


# --- Now ------------------------------------------------------------------------------------------------------
def test_nothing_expires_by_looking_or_without_being_sure(manager, due):
    manager.get(_page(due, "expire-now"))
    unsure = manager.post(_page(due, "expire-now"), {"key": KEY})

    assert "sure" in unsure.context["form"].errors
    assert _balances(due) == [200, 200]


@pytest.mark.parametrize("times", [1, 3])
def test_a_confirmed_run_expires_once_and_is_recorded(times, manager, due):
    for _ in range(times):
        answer = manager.post(_page(due, "expire-now"), {"key": KEY, "sure": "on"}, follow=True)

    run = _run()
    assert answer.redirect_chain[-1][0] == f"/admin/jobs/run/{run.pk}/change/"
    assert (run.job, run.trigger, run.status) == ("loyalty.expire_points", "admin", "succeeded")
    assert (run.merchant, run.actor) == (due.merchant, due.staff[Role.MANAGER])
    assert (run.counts["members"], run.counts["points"]) == (2, 300)
    assert _balances(due) == [50, 50]
    assert LedgerEntry.objects.filter(run_id=run.pk).count() == 2


@transaction.atomic
def _crowd(world: World) -> None:
    """As many more members as a person waits for, each with a point that is due."""
    at = timezone.now() - timedelta(days=30)
    new = {"merchant_id": world.merchant.pk, "program": world.program, "enrolled_at": at, "last_activity_at": at}
    people = [Customer(merchant=world.merchant, external_ref=f"crowd-{number}") for number in range(mass.AT_ONCE)]
    members = enrollment.insert_new(
        [
            Member(customer=each, card_number=new_card_number(), referral_code=new_referral_code(), **new)
            for each in people
        ]
    )
    facts = {"type": EntryType.ADMIN_ADJUSTMENT, "points": 1}
    ledger.post([Posting(member=member, **facts) for member in members], at=at)


@pytest.mark.long
def test_a_large_run_is_left_to_a_worker_and_followed(manager, due):
    _crowd(due)

    waiting = manager.post(_page(due, "expire-now"), {"key": KEY, "sure": "on"}, follow=True)
    [task] = [queued.task for queued in OrmQ.objects.all()]
    before = _balances(due)
    mass.expire(*task["args"])
    found = manager.get(waiting.redirect_chain[-1][0])

    assert "A worker takes this up" in waiting.content.decode()
    assert all(isinstance(argument, str) for argument in task["args"])
    assert task["func"] == "loyalty.admin.mass.expire"
    assert before == [200, 200]
    assert _balances(due) == [50, 50]
    assert found.status_code == 302
    assert found.headers["Location"] == f"/admin/jobs/run/{_run().pk}/change/"


def test_nobody_waits_for_a_run_of_another_merchant(manager, theirs):
    for merchant in (theirs.merchant.pk, "all", "nonsense"):
        assert manager.get(f"/admin/jobs/run/started/{merchant}/{KEY}/").status_code == 404


# --- Back -----------------------------------------------------------------------------------------------------
@pytest.fixture
def expired(manager: Client, due: World) -> Run:
    manager.post(_page(due, "expire-now"), {"key": KEY, "sure": "on"})
    return _run()


def test_an_undo_is_shown_first_and_done_once(manager, due, expired):
    url = f"/admin/jobs/run/{expired.pk}/undo/"
    shown = manager.get(url)
    form = {name: str(shown.context["form"][name].value()) for name in ("key", "merchant")}

    for _ in range(3):
        page = manager.post(url, {**form, "sure": "on"}, follow=True)

    left = shown.context["left"]
    assert (left.entries, left.members, left.given_back) == (2, 2, 300)
    undo = Run.objects.get(undoes=expired)
    assert (undo.job, undo.trigger, undo.merchant) == ("loyalty.undo_run", "admin", due.merchant)
    assert page.redirect_chain[-1][0] == f"/admin/jobs/run/{undo.pk}/change/"
    assert _balances(due) == [200, 200]
    assert LedgerEntry.objects.filter(type=EntryType.UNDO).count() == 2


def test_a_second_undo_says_that_it_was_done(manager, expired):
    url = f"/admin/jobs/run/{expired.pk}/undo/"
    form = {name: str(manager.get(url).context["form"][name].value()) for name in ("key", "merchant")}
    manager.post(url, {**form, "sure": "on"})

    again = manager.get(url).content.decode()
    page = manager.get(f"/admin/jobs/run/{expired.pk}/change/").content.decode()

    assert "undone already" in again
    assert "Undone on" in page


def test_an_undo_is_not_undone(manager, expired):
    url = f"/admin/jobs/run/{expired.pk}/undo/"
    form = {name: str(manager.get(url).context["form"][name].value()) for name in ("key", "merchant")}
    manager.post(url, {**form, "sure": "on"})
    undo = Run.objects.get(undoes=expired)

    answer = manager.get(f"/admin/jobs/run/{undo.pk}/undo/", follow=True)

    assert "An undo is not undone" in answer.content.decode()


def test_of_a_night_for_all_each_merchant_sees_and_undoes_its_own_part(manager, due, theirs, sign_in, platform):
    night = Run.objects.create(
        job="loyalty.expire_points", trigger="schedule", status="succeeded", counts={"points": 987_654}
    )
    Program.objects.filter(pk=theirs.program.pk).update(expiry_policy="both", points_expiration_days=3)
    programs = Program.objects.filter(pk__in=[due.program.pk, theirs.program.pk])
    expiration.expire(programs=programs, at=timezone.now(), run_id=night.pk)
    page = manager.get(f"/admin/jobs/run/{night.pk}/change/")
    url = f"/admin/jobs/run/{night.pk}/undo/"
    form = {name: str(manager.get(url).context["form"][name].value()) for name in ("key", "merchant")}

    stolen = manager.post(url, {**form, "merchant": str(theirs.merchant.pk), "sure": "on"})
    manager.post(url, {**form, "sure": "on"})

    assert [value for _, value in page.context["moved"]] == [2, 2, 300, 0]
    assert "987,654" not in page.content.decode()
    assert {entry.merchant_id for entry in page.context["entries"]} == {due.merchant.pk}
    assert "merchant" in stolen.context["form"].errors
    assert _balances(due) == [200, 200]
    assert _balances(theirs) == [50, 50]
    assert "987,654" in sign_in(platform).get(f"/admin/jobs/run/{night.pk}/change/").content.decode()


def test_other_jobs_for_all_are_the_platforms(manager, sign_in, platform, ours):
    relay = Run.objects.create(job="outbox.relay", trigger="schedule", status="failed", error="a secret of the house")

    assert manager.get(f"/admin/jobs/run/{relay.pk}/change/").status_code == 404
    assert "a secret of the house" in sign_in(platform).get(f"/admin/jobs/run/{relay.pk}/change/").content.decode()


# --- The dashboard --------------------------------------------------------------------------------------------
def test_the_dashboards_figures_are_true(manager, due, theirs):
    [figures] = manager.get("/admin/").context["figures"]

    assert (figures.members, figures.active, figures.points, figures.held) == (2, 2, 400, 100)
    assert (figures.due_points, figures.due_members) == (300, 2)


def test_the_platform_sees_every_merchant_on_it(sign_in, platform, ours, theirs):
    figures = sign_in(platform).get("/admin/").context["figures"]

    assert {one.merchant.pk for one in figures} == {ours.merchant.pk, theirs.merchant.pk}


# --- Under fire -----------------------------------------------------------------------------------------------
def test_twenty_of_one_form_at_once_restore_once(own_database):
    world = make_world("cafe")
    url = f"/admin/loyalty/member/{world.member.pk}/restore/"
    clients = [Client() for _ in range(20)]
    for client in clients:
        client.force_login(world.staff[Role.MANAGER], backend="django.contrib.auth.backends.ModelBackend")
    form = {"key": KEY, "entry": "", "points": "70", "reason": "double click"}
    answers: list[int] = []
    together = threading.Barrier(len(clients))

    def send(client: Client) -> None:
        try:
            together.wait()
            answers.append(client.post(url, form).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [302] * 20
    restored = LedgerEntry.objects.filter(member=world.member, type=EntryType.ADMIN_ADJUSTMENT)
    assert [entry.points_delta for entry in restored] == [70]
