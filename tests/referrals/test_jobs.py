"""The jobs of referrals, by the scheduler and by hand."""

import json
from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.schedules import SCHEDULES
from referrals import jobs
from referrals.models import Invite
from referrals.operations import devices, guardrails, invites
from referrals.operations.devices import Footprint
from tests.cast import NOON, make_member, make_merchant
from tests.referrals.conftest import joins

NAMES = ("expire_invites", "settle_rewards", "close_reviews", "forget_devices", "count_figures")


def test_every_job_is_scheduled():
    assert {f"referrals.{name}": f"referrals.jobs.{name}" for name in NAMES} == {
        name: function for name, (function, _) in SCHEDULES.items() if name.startswith("referrals.")
    }


def test_the_jobs_do_what_is_due_and_say_so(own_database):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    invites.create(member=alice, at=NOON)
    devices.note(member=alice, footprint=Footprint("d", "192.0.2.1", "b"), at=NOON)
    guardrails.override(
        merchant=program.merchant, scope="invite_quota", justification="Launch", at=NOON, expires_at=NOON + timedelta(1)
    )

    for name in NAMES:
        getattr(jobs, name)()

    counts = {run.job: run.counts for run in Run.objects.filter(status="succeeded")}
    assert counts == {
        "referrals.expire_invites": {"invites": 1, "overrides": 1},
        "referrals.settle_rewards": {"paid": 0, "held": 0, "dropped": 0, "reversed": 0, "shortfall": 0},
        "referrals.close_reviews": {"approved": 0, "rejected": 0, "held": 0},
        "referrals.forget_devices": {"traces": 3},
        "referrals.count_figures": {"merchants": 0, "members": 0},
    }


def test_by_hand_it_says_first_what_it_would_do(own_database, capsys):
    program = make_merchant("cafe")
    alice, bob = make_member(program, "alice"), joins(program, "bob")
    invites.create(member=alice, at=NOON)
    Invite.objects.create(
        merchant=program.merchant, referrer=alice, invitee=bob, code=alice.referral_code, is_standing=True,
        status="converted", reward_state="pending", reward_points=500, completed_at=NOON, payable_at=NOON,
        expires_at=NOON,
    )  # fmt: skip

    call_command("run_referrals", "--dry-run", "--format", "json")
    foreseen = json.loads(capsys.readouterr().out)
    call_command("run_referrals", "--format", "json")
    done = json.loads(capsys.readouterr().out)

    assert foreseen == {
        "invites_to_expire": 1, "rewards_to_credit": 1, "rewards_to_take_back": 0, "reviews_overdue": 0,
    }  # fmt: skip
    assert (done["expired"], done["paid"]) == (1, 1)
    assert Run.objects.get(job="referrals.run_by_hand").status == "succeeded"


def test_nothing_is_settled_ahead_of_its_time(manage, own_database):
    later = (timezone.now() + timedelta(days=1)).isoformat()

    assert manage("run_referrals", "--as-of", later).returncode == 2
    assert manage("run_referrals", "--as-of", later, "--dry-run").returncode == 0
