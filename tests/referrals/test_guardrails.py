"""Overrides take each other's place, end, and leave a history."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import User
from referrals.models import GuardrailAuditEvent, GuardrailOverride
from referrals.operations import guardrails
from referrals.operations.guardrails import InvalidOverride
from referrals.queries import guardrails as standing
from tests.cast import NOON, refused
from tests.referrals.test_invites import HOUR, invite_at, override


@pytest.fixture
def manager(db) -> User:
    return User.objects.create_user("manager@cafe.example", "a long password")


def history():
    return list(GuardrailAuditEvent.objects.order_by("at", "pk").values_list("action", "override_id"))


def test_a_new_override_supersedes_that_of_the_same_scope_and_target(program, alice):
    first = override(program, "invite_quota", hours=0)
    beside = override(program, "invite_quota", hours=0, member=alice)
    second = override(program, "invite_quota", hours=1)

    rows = {row.pk: row for row in GuardrailOverride.objects.all()}
    assert [rows[row.pk].is_active(NOON + HOUR) for row in (first, beside, second)] == [False, True, True]
    assert rows[first.pk].revoked_at == NOON + HOUR
    assert ("superseded", first.pk) in history()


def test_one_that_had_expired_is_not_said_to_be_superseded(program):
    first = override(program, "invite_quota", until=1)

    override(program, "invite_quota", hours=5)

    first.refresh_from_db()
    assert first.revoked_at == NOON + HOUR
    assert ("expired", first.pk) in history()


def test_the_night_notes_what_has_expired_once(program):
    first = override(program, "invite_quota", until=1)

    assert guardrails.note_expired(at=NOON + HOUR) == 1
    assert guardrails.note_expired(at=NOON + HOUR) == 0
    assert history() == [("created", first.pk), ("expired", first.pk)]


def test_ending_one_early_says_who_and_why_once(program, manager):
    row = override(program, "global_throttle")

    for hour in (1, 2):
        guardrails.revoke(override_id=row.pk, reason="Cleared up", actor=manager, at=NOON + hour * HOUR)

    [event] = GuardrailAuditEvent.objects.filter(action="revoked")
    assert (event.actor, event.actor_user_id, event.reason) == (manager, manager.pk, "Cleared up")
    assert not GuardrailOverride.objects.get().is_active(NOON + HOUR)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"justification": "  x "}, "justification"),
        ({"justification": "x" * 501}, "justification"),
        ({"scope": "everything"}, "scope"),
        ({"expires_at": NOON}, "expires_at"),
    ],
)
def test_an_override_that_cannot_act_is_refused(program, given, field):
    asked = {"scope": "invite_quota", "justification": "Launch week"} | given

    with refused(InvalidOverride) as caught:
        guardrails.override(merchant=program.merchant, at=NOON, **asked)

    assert caught.value.facts["field"] == field


def test_a_throttle_is_for_all(program, alice):
    with refused(InvalidOverride):
        override(program, "global_throttle", member=alice)


def test_another_merchants_member_is_nobody(program, bookworm):
    with refused(NotFound):
        override(program, "invite_quota", member=bookworm)


def test_the_state_counts_who_is_where(program, alice, rules):
    rules(open_invites=2, cooldown_seconds=600)
    invite_at(alice, 0)
    invite_at(alice, 1)
    override(program, "global_throttle", hours=2)

    found = standing.state(program.merchant, at=NOON + HOUR + timedelta(seconds=30.5))

    assert (found.quota, found.active_invites, found.members_at_quota) == (2, 2, 1)
    assert found.cooldown_until == NOON + HOUR + timedelta(seconds=600)
    assert found.cooldown_remaining(NOON + HOUR + timedelta(seconds=30.5)) == 570
    assert found.is_throttled
    assert len(found.overrides) == 1
    assert standing.state(program.merchant, at=NOON + 9 * HOUR).cooldown_until is None


def test_the_history_is_added_to_and_not_changed(program):
    override(program, "invite_quota")

    for statement in (
        "UPDATE loyalty_guardrail_audit_events SET action = 'revoked'",
        "DELETE FROM loyalty_guardrail_audit_events",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
