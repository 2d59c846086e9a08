"""Members of the demo who came because a friend told them: conversions through the year, and what is open today."""

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from django.db.models import Max

from loyalty.models import LedgerEntry, Member
from loyalty_site.console.demo.merchants import House
from loyalty_site.console.demo.people import SEED, Character, Clock, day_of
from loyalty_site.refusals import Refusal
from referrals.models import Invite
from referrals.operations import conversions, devices, guardrails, invites
from referrals.operations.devices import Footprint

if TYPE_CHECKING:
    from loyalty_site.console.demo.history import Year

# Of those who join.
RECOMMENDED = 0.3
# Who was recommended so lately was so on the friend's own phone: somebody is to look at that.
LATELY = timedelta(days=10)
ADDRESSEES = 4


def bring(year: "Year", day: date) -> None:
    """Whoever joined this day because of a friend is credited with them in the evening; once, though told again."""
    for who in year.people:
        rng = Random(f"{SEED}:{who.reference}:friend")  # noqa: S311
        if who.enrols_on == day and not who.is_quiet and rng.random() < RECOMMENDED:
            _convert(year, day, who, rng)


def _convert(year: "Year", day: date, who: Character, rng: Random) -> None:
    before = [
        other for other in year.people if other.enrols_on < day and not other.is_quiet and other.number in year.members
    ]
    if not before:
        return
    friend, member = year.members[rng.choice(before).number], year.members[who.number]
    at = _evening(friend, member, who.enrols_at)
    if at > year.clock.now or day_of(at) != day:
        return
    footprint = None
    if at > year.clock.now - LATELY:
        footprint = Footprint(device=f"demo {who.reference}", address="192.0.2.7", user_agent="Demo")
        devices.note(member=friend, footprint=footprint, at=at)
    try:
        conversions.complete(
            merchant=year.house.merchant, code=friend.referral_code, invitee=member, footprint=footprint, at=at
        )
    except Refusal:
        # The friend's card was switched off, or another friend has told them before.
        return
    both = Member.objects.filter(pk__in=[friend.pk, member.pk])
    for pk, balance, held in both.values_list("pk", "points_balance", "points_held"):
        year.available[pk] = balance - held


def _evening(friend: Member, member: Member, joined_at: datetime) -> datetime:
    """After everything that the two did this day: entries stand in order of time."""
    done = LedgerEntry.objects.filter(member__in=[friend, member]).aggregate(latest=Max("occurred_at"))
    return max(joined_at, done["latest"] or joined_at) + timedelta(minutes=30)


def invite(house: House, clock: Clock) -> None:
    """Invites that are open today, and a member for whom the limit was lifted; left once."""
    if Invite.objects.filter(merchant=house.merchant, is_standing=False).exists():
        return
    members = Member.objects.filter(program=house.program, is_active=True).select_related("customer", "program", "tier")
    for number, member in enumerate(members.order_by("-lifetime_points", "card_number")[:ADDRESSEES]):
        at = clock.now - timedelta(hours=5 * (number + 1))
        invites.create(member=member, invitee_email=f"friend.{number + 1}@{house.plan.slug}.example.net", at=at)
        if number == 0:
            guardrails.override(
                merchant=house.merchant,
                scope="invite_quota",
                target_member_id=member.pk,
                justification="Invites a whole choir",
                expires_at=clock.now + timedelta(days=14),
                at=at,
            )
