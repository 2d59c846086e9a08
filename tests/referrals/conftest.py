"""The cast of referrals: Alice invites, Bob is invited, and the café's rules are as a test says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from loyalty.models import Member, Program
from loyalty.operations import enrollment
from loyalty.operations.enrollment import Person
from referrals.models import Invite, ReferralSettings
from referrals.operations import conversions, invites
from tests.cast import NOON

DAY = timedelta(days=1)


def set_rules(program: Program, **rules: Any) -> ReferralSettings:
    """The program's rules of referrals; those not named are the defaults."""
    row, _ = ReferralSettings.objects.update_or_create(
        program=program, defaults={"merchant_id": program.merchant_id, **rules}
    )
    return row


def joins(program: Program, name: str, *, email: str = "", phone: str = "", days: float = 1) -> Member:
    """Somebody who enrols so many days after noon."""
    person = Person(external_ref=name, email=email or f"{name}@example.org", phone=phone)
    return enrollment.enroll(program=program, person=person, at=NOON + timedelta(days=days)).member


@pytest.fixture
def rules(program: Program) -> Callable[..., ReferralSettings]:
    return lambda **given: set_rules(program, **given)


@pytest.fixture
def invite(alice: Member) -> Invite:
    """Alice's invite of noon."""
    return invites.create(member=alice, at=NOON, invitee_email="robert@example.net")


@pytest.fixture
def bob(invite: Invite, program: Program) -> Member:
    """Somebody who joined a day after the invite."""
    return joins(program, "bob")


@pytest.fixture
def complete(program: Program) -> Callable[..., Invite]:
    """complete(code, member, days=2)."""

    def convert(code: str, member: Member, *, days: float = 2, **more: Any) -> Invite:
        return conversions.complete(
            merchant=program.merchant, code=code, invitee=member, at=NOON + timedelta(days=days), **more
        )

    return convert


def balance(member: Member) -> int:
    """As the database has it."""
    return Member.objects.get(pk=member.pk).points_balance
