"""Nudges by the scheduler, by hand and in the console."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.schedules import SCHEDULES
from loyalty_site.tenants.models import Role, StaffRole, User
from notifications.models import Message, Nudge, NudgeCampaign, NudgeExposure
from notifications.nudges import jobs
from tests.notifications.nudging import campaign, consents, intend


@pytest.fixture
def waiting(ana):
    """Ana agreed to messages, and left something at a checkout an hour ago."""
    consents(ana)
    intend(ana, at=timezone.now() - timedelta(hours=1))
    return ana


def command(name, *arguments):
    out, err = StringIO(), StringIO()
    try:
        call_command(name, *arguments, "--format", "json", stdout=out, stderr=err)
    except SystemExit as leaving:
        return leaving.code, json.loads(err.getvalue())
    return 0, json.loads(out.getvalue())


# --- The scheduler --------------------------------------------------------------------------------------------
def test_nudges_are_made_every_ten_minutes_and_sent_five_minutes_later():
    assert SCHEDULES["notifications.aggregate_loyalty_nudges"][1] == "*/10 * * * *"
    assert SCHEDULES["notifications.dispatch_loyalty_nudges"][1] == "5-59/10 * * * *"


def test_the_two_jobs_make_and_send_what_is_there_as_runs_with_counts(waiting, bookworm, settings):
    jobs.aggregate()
    jobs.dispatch()

    made, sent = Run.objects.get(job=jobs.AGGREGATE), Run.objects.get(job=jobs.DISPATCH)
    assert (made.status, made.counts) == (
        "succeeded", {"merchants": 2, "members": 1, "created": 1, "renewed": 0, "expired": 0}
    )  # fmt: skip
    assert (sent.status, sent.counts) == ("succeeded", {"merchants": 2, "due": 1, "queued": 1, "held_out": 0})
    assert NudgeCampaign.objects.count() == 6
    assert Message.objects.get().member_id == waiting.pk


def test_what_fails_at_one_merchant_fails_the_run_and_keeps_nobody_else_waiting(waiting, bookshop, bookworm):
    # So many hours lead past the last year there is.
    intend(bookworm, at=timezone.now() - timedelta(hours=1))
    broken = campaign(bookshop.merchant, "checkout_recovery", nudge_type="checkout_reminder", ttl_hours=2**31 - 1)

    with pytest.raises(ExceptionGroup) as caught:
        jobs.aggregate()

    assert broken.merchant.slug in str(caught.value.exceptions[0].__notes__)
    assert Run.objects.get(job=jobs.AGGREGATE).status == "failed"
    assert Nudge.objects.get().member_id == waiting.pk


# --- By hand --------------------------------------------------------------------------------------------------
def test_the_commands_preview_then_do_then_have_nothing_left_to_do(waiting):
    reports = [command("aggregate_nudges", *more)[1] for more in (["--dry-run"], [], [])]
    sent = [command("dispatch_nudges", *more)[1] for more in (["--dry-run"], [], [])]

    assert [(each.get("dry_run", False), each["created"]) for each in reports] == [(True, 1), (False, 1), (False, 0)]
    assert [(each.get("dry_run", False), each["queued"]) for each in sent] == [(True, 1), (False, 1), (False, 0)]
    assert Message.objects.count() == Nudge.objects.count() == 1
    assert Run.objects.filter(trigger="command").count() == 4


def test_one_merchant_alone_as_of_a_time_gone_by(waiting, cafe, bookshop, bookworm):
    before = timezone.now() - timedelta(minutes=30)
    intend(bookworm, at=before - timedelta(minutes=30))

    code, report = command("aggregate_nudges", "--merchant", "cafe", "--as-of", before.isoformat())

    assert (code, report["merchants"], report["created"]) == (0, 1, 1)
    nudge = Nudge.objects.get()
    assert (nudge.merchant_id, nudge.created_at) == (cafe.pk, before)


@pytest.mark.parametrize("name", ["aggregate_nudges", "dispatch_nudges"])
def test_a_future_an_unknown_merchant_and_a_strange_chunk_are_refused(waiting, name):
    ahead = (timezone.now() + timedelta(days=1)).isoformat()

    assert command(name, "--as-of", ahead)[0] == 2
    assert command(name, "--as-of", ahead, "--dry-run")[0] == 0
    assert command(name, "--merchant", "nobody") == (
        2,
        {"code": "not_found", "detail": "There is no merchant 'nobody'."},
    )
    for chunk in ("0", "9", "10001"):
        with pytest.raises(CommandError):
            call_command(name, "--chunk", chunk)
    assert not Nudge.objects.exists()


# --- In the console -------------------------------------------------------------------------------------------
@pytest.fixture
def manager(cafe):
    user = User.objects.create_user("manager@cafe.example", "a long password")
    StaffRole.objects.create(user=user, merchant=cafe, role=Role.MANAGER)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def typed(**changes):
    return {
        "is_active": "on", "priority": "10", "ttl_hours": "48", "cap_hours": "6", "first_channel": "push",
        "second_channel": "email", "third_channel": "", "held_out_percent": "20", "lift_days": "14",
        "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", **changes,
    }  # fmt: skip


def test_a_manager_changes_a_campaign_and_the_order_of_its_channels(manager, cafe):
    row = campaign(cafe, "checkout_recovery")
    address = f"/admin/notifications/nudgecampaign/{row.pk}/change/"

    response = manager.post(address, typed(slug="other", nudge_type="expiring_points"))

    assert response.status_code == 302, response.context["adminform"].form.errors
    row.refresh_from_db()
    assert (row.channels, row.held_out_percent, row.ttl_hours) == (["push", "email"], 20, 48)
    assert (row.slug, row.nudge_type) == ("checkout_recovery", "checkout_reminder")


@pytest.mark.parametrize(
    "changes",
    [
        {"second_channel": "push"},
        {"held_out_percent": "101"},
        {"cap_hours": "0"},
        {"ttl_hours": "99999999"},
        {"first_channel": "pigeon"},
        {"starts_at_0": "2026-05-02", "starts_at_1": "12:00", "ends_at_0": "2026-05-02", "ends_at_1": "12:00"},
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_changed(manager, cafe, changes):
    row = campaign(cafe, "checkout_recovery")
    before = NudgeCampaign.objects.values().get(pk=row.pk)

    response = manager.post(f"/admin/notifications/nudgecampaign/{row.pk}/change/", typed(**changes))

    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert NudgeCampaign.objects.values().get(pk=row.pk) == before


def test_the_page_shows_both_sides(manager, cafe, alice, waiting):
    row = campaign(cafe, "checkout_recovery")
    now = timezone.now()
    facts = {"merchant": cafe, "campaign_slug": row.slug, "last_at": now}
    NudgeExposure.objects.create(member=alice, nudged_at=now, **facts)
    NudgeExposure.objects.create(member=waiting, held_out_at=now, **facts)

    page = manager.get(f"/admin/notifications/nudgecampaign/{row.pk}/change/")

    assert page.context["lift"]["sides"][0]["redeemers"] == "0 (0.0%)"
    assert page.context["lift"]["redeeming"] == "+0.0"
    assert "Got messages" in page.content.decode()
    assert "Held out" in page.content.decode()


def test_nudges_and_attempts_are_read_and_not_written(manager, cafe, waiting):
    jobs.aggregate()
    nudge = Nudge.objects.get()

    assert nudge.payload["headline"] in manager.get("/admin/notifications/nudge/").content.decode()
    assert manager.get("/admin/notifications/nudge/add/").status_code == 403
    assert manager.post(f"/admin/notifications/nudge/{nudge.pk}/change/", {"status": "expired"}).status_code == 403
    assert manager.get("/admin/notifications/nudgedispatchevent/add/").status_code == 403
