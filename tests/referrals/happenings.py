"""Rows of referrals and what else members do, made at a given time."""

from datetime import datetime, timedelta
from itertools import count

from loyalty.models import Member
from referrals.models import Invite
from tests.cast import make_member

_numbers = count(1)


def invite(member: Member, at: datetime, **more) -> Invite:
    """An invite that the member sent."""
    given = {"status": "sent", "reward_points": 500, "expires_at": at + timedelta(days=30)}
    code = f"R{next(_numbers):07d}"
    return Invite.objects.create(merchant=member.merchant, referrer=member, code=code, created_at=at, **(given | more))


def convert(member: Member, at: datetime, *, sent_at: datetime | None = None) -> Invite:
    """An invite of the member that somebody new took up then."""
    friend = make_member(member.program, f"friend-{next(_numbers)}", at=at)
    return invite(
        member, sent_at or at, invitee=friend, status="converted", reward_state="paid", completed_at=at, paid_at=at
    )
