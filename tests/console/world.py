"""Two merchants with a row of everything, made alike: what one has, the other must never see.

Every text of the foreign merchant holds `MARK`, so that a page which shows any of it is found out.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.utils import timezone

from loyalty.models import ExpiryPolicy, Member, Program, Reward, Tier
from loyalty.operations import catalogue, checkout, enrollment, expiration, points, redemptions, reward_codes
from loyalty.operations.enrollment import Person
from loyalty.pictures import Picture
from loyalty_site.http import keys
from loyalty_site.jobs.models import Run
from loyalty_site.tenants import erasures
from loyalty_site.tenants.models import Merchant, Role, StaffRole, Store, User
from notifications.models import (
    Circuit,
    Delivery,
    GreetingSettings,
    Kind,
    Message,
    Nudge,
    NudgeCampaign,
    NudgeDispatchEvent,
    NudgeExposure,
    Suppression,
    TemplateOverride,
)
from notifications.nudges import aggregating, campaigns
from notifications.webhooks import endpoints
from referrals.models import ReferralSettings
from referrals.operations import conversions, guardrails, invites

MARK = "xyzzy"
PASSWORD = "a password for tests"
# The smallest PNG: one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c626001000000ffff03000006000557bfabd4"
    "0000000049454e44ae426082"
)


@dataclass
class World:
    """One merchant and what belongs to it."""

    merchant: Merchant
    program: Program
    store: Store
    tier: Tier
    staff: dict[str, User] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    run: Run | None = None

    @property
    def member(self) -> Member:
        return self.members[0]


def make_user(
    email: str, *, role: Role | None = None, merchant: Merchant | None = None, store: Store | None = None
) -> User:
    """A member of staff, with this role there."""
    user = User.objects.create_user(email=email, name=f"{email.partition('@')[0].title()}", password=None)
    if role is not None:
        StaffRole.objects.create(user=user, merchant=merchant, store=store, role=role)
    return user


def make_world(name: str, *, members: int = 2, at: datetime | None = None) -> World:
    """A merchant with staff of every role, members with points, lots, holds and an expiry behind them."""
    at = at or timezone.now().astimezone(UTC) - timedelta(days=40)
    merchant = Merchant.objects.create(slug=name, name=f"{name.title()} trading")
    store = Store.objects.create(merchant=merchant, reference=f"{name}-1", name=f"{name.title()} counter")
    program = Program.objects.create(
        merchant=merchant,
        name=f"{name.title()} club",
        currency="EUR",
        points_per_unit=Decimal(10),
        expiry_policy=ExpiryPolicy.LOTS,
        points_valid_days=30,
    )
    keys.make(merchant=merchant, store=store, name=f"{name.title()} till", scopes=["store"], at=at)
    endpoint, _ = endpoints.create(
        merchant=merchant, label=f"{name.title()} shop", url=f"https://{name}.example.com/hooks", at=at
    )
    endpoints.send_test(endpoint=endpoint, at=at)
    tier = Tier.objects.create(program=program, slug=f"{name}-gold", name=f"{name.title()} gold", point_threshold=100)
    world = World(merchant, program, store, tier)
    for role in (Role.OWNER, Role.MANAGER, Role.CASHIER, Role.ANALYST):
        world.staff[role] = make_user(f"{role}@{name}.example.com", role=role, merchant=merchant)
    for number in range(members):
        world.members.append(_make_member(world, name, number, at))
    run = Run.objects.create(
        job="loyalty.expire_points", merchant=merchant, trigger=Run.Trigger.ADMIN, status="succeeded"
    )
    run.counts = dict(expiration.expire(programs=[program], at=at + timedelta(days=31), run_id=run.pk))
    run.save()
    world.run = run
    later = at + timedelta(days=35)
    tea = Reward.objects.create(
        program=program, slug=f"{name}-tea", name=f"{name.title()} tea", cost_points=10, stock=100, minimum_tier=tier,
        kind="discount_code",
    )  # fmt: skip
    catalogue.set_picture(reward=tea, picture=Picture(PIXEL, "image/png", 1, 1))
    reward_codes.upload(reward=tea, codes=[f"{name}-code-{number}" for number in range(3)])
    for number, member in enumerate(world.members):
        buy(world, member, f"{name}-late-{number}", "20.00", later)
        redemptions.hold(
            member=member,
            points=50,
            at=later,
            key=f"{name}-hold-{number}",
            store=store,
            metadata={"reward": f"{name} tea"},
        )
        checkout.confirm(
            merchant=merchant,
            user_id=member.customer.user_id,
            order_id=f"{name}-order-{number}",
            intents=[
                checkout.Asked(
                    client_id=f"{name}-intent-{number}",
                    kind="referral_share",
                    created_at=later,
                    channel=name,
                    metadata={"note": f"{name} note"},
                )
            ],
            at=later,
        )
        member.refresh_from_db()
        record(world.staff[Role.MANAGER], member)
    for at_store in (None, store):
        TemplateOverride.objects.create(
            merchant=merchant, store=at_store, code="loyalty_birthday", channel="email", locale="en",
            subject=f"{name.title()} wishes", html=f"<p>{name.title()} wishes you a happy birthday</p>",
        )  # fmt: skip
    erasures.ask(customer=world.members[-1].customer, at=later)
    _nudge(world, name, later)
    _make_messages(world, name, later)
    _refer(world, name, later)
    return world


def _nudge(world: World, name: str, at: datetime) -> None:
    """Campaigns, a nudge for every member with an intent, and an attempt to tell of each."""
    campaigns.seed(at=at)
    NudgeCampaign.objects.create(
        merchant=world.merchant, slug=f"{name}-spring", nudge_type="expiring_points", channels=["email"]
    )
    aggregating.aggregate(merchants=[world.merchant], at=at)
    for nudge in Nudge.objects.filter(merchant=world.merchant):
        nudge.payload["metadata"]["note"] = f"{name} note"
        nudge.save()
        NudgeDispatchEvent.objects.create(
            merchant=world.merchant, nudge=nudge, message_id=nudge.pk, campaign_slug=f"{name}-spring", channel="email",
            sent_at=at, outcome="failed", error=f"{name} error",
        )  # fmt: skip
        NudgeExposure.objects.get_or_create(
            merchant=world.merchant, member=nudge.member, campaign_slug=f"{name}-spring", nudged_at=at, last_at=at
        )


def _make_messages(world: World, name: str, at: datetime) -> None:
    """A message that was sent, its delivery, and an address that is not written to."""
    for member in world.members:
        message = Message.objects.create(
            merchant=world.merchant, customer=member.customer, member=member, store=world.store,
            code="loyalty_points_expired", key=f"expired-{member.pk}", kind=Kind.TRANSACTIONAL, channels=["email"],
            variables={"note": name}, status=Message.Status.SENT, finished_at=at,
        )  # fmt: skip
        Delivery.objects.create(
            merchant=world.merchant, message=message, customer=member.customer, code=message.code, channel="email",
            recipient=member.customer.email, status=Delivery.Status.SENT, provider_id=f"{name}-provider",
        )  # fmt: skip
    Suppression.objects.create(
        merchant=world.merchant, channel="email", address=f"{name}@bounced.example.com",
        reason=Suppression.Reason.BOUNCED, detail=f"{name} does not exist",
    )  # fmt: skip
    GreetingSettings.objects.create(merchant=world.merchant, greets_birthdays=True)
    Circuit.objects.get_or_create(channel="push")


def _refer(world: World, name: str, at: datetime) -> None:
    """An invite that is open, one that waits for a decision, and a limit that is lifted for one member."""
    ReferralSettings.objects.create(program=world.program, merchant=world.merchant, review_line=40, open_days=90)
    invites.create(
        member=world.member, invitee_email=f"friend@{name}.example.net", metadata={"note": f"{name} note"}, at=at
    )
    if len(world.members) > 1:
        # Their addresses look alike.
        conversions.attach(code=world.member.referral_code, member=world.members[1], at=at)
    guardrails.override(
        merchant=world.merchant,
        scope="invite_quota",
        justification=f"{name} week",
        target_member_id=world.member.pk,
        actor=world.staff[Role.MANAGER],
        at=at,
    )


def _make_member(world: World, name: str, number: int, at: datetime) -> Member:
    person = Person(
        external_ref=f"{name}-{number}",
        first_name=name.title(),
        last_name=f"Person{number}",
        email=f"{name}.{number}@example.com",
        phone=f"+35262112{abs(hash(name)) % 90 + 10}{number:02d}",
    )
    member = enrollment.enroll(program=world.program, person=person, at=at).member
    buy(world, member, f"{name}-early-{number}", "12.50", at)
    return member


def buy(world: World, member: Member, order: str, amount: str, at: datetime) -> Any:
    """One purchase at the world's counter."""
    return points.earn(member=member, store=world.store, amount=Decimal(amount), order_reference=order, at=at)


def record(user: User, row: Any) -> None:
    """A line of Django's history of a row, naming it."""
    LogEntry.objects.log_actions(user.pk, [row], CHANGE, change_message=f"Changed {row.customer}", single_object=True)
