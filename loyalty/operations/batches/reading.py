"""What the decisions of a batch go by, read in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery, Sum

from loyalty.ledger import Posting
from loyalty.models import EntryType, LedgerEntry, Member, Program, Redemption, ReplacedCard, Reward, RewardCode
from loyalty.operations.batches.standing import Standing
from loyalty.operations.cards import CardIsReplaced
from loyalty.operations.orders import day_of
from loyalty.operations.refunds import Story, stories
from loyalty.operations.tiers import qualifying_points_of
from loyalty.queries import faces
from loyalty.queries.offers import Offer
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Store


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as a till sends it: what to do, with what; `client_id` is the till's own number of it."""

    client_id: str
    op: str
    fields: dict[str, Any]

    def moment(self, at: datetime) -> datetime:
        """When it happened."""
        moment: datetime = self.fields.get("occurred_at") or at
        return moment

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the fields that were given."""
        return {name: self.fields[name] for name in names if name in self.fields}


@dataclass(slots=True)
class Reading:
    """The members of the batch, locked, and whatever was written about its references before."""

    by_card: dict[str, Member] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    standings: dict[UUID, Standing] = field(default_factory=dict)
    known: dict[str, LedgerEntry] = field(default_factory=dict)
    redemptions: dict[str, Redemption] = field(default_factory=dict)
    offers: dict[tuple[UUID, str], Offer] = field(default_factory=dict)
    used: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    entries: dict[UUID, LedgerEntry] = field(default_factory=dict)
    stories: dict[UUID, Story] = field(default_factory=dict)
    # Purchases granted in this batch, by key: a refund later in it may be of them.
    pending: dict[str, LedgerEntry] = field(default_factory=dict)

    def member(self, operation: Operation) -> Member:
        """The member of the operation's card. Raises `CardIsReplaced`, `NotFound`."""
        number = operation.fields["card_number"]
        if number in self.replaced:
            raise CardIsReplaced
        if number not in self.by_card:
            raise NotFound
        return self.by_card[number]

    def order(self, member: Member, reference: str) -> tuple[LedgerEntry | None, Story | None]:
        """The member's purchase with this reference, be it of this batch, and what became of it."""
        order = self.known.get(f"earn:{reference}") or self.pending.get(f"earn:{reference}")
        if order is None or order.member_id != member.pk:
            return None, None
        return order, self.stories[order.pk]

    def remember_order(self, posting: Posting) -> None:
        """Let a purchase granted in this batch be found by a refund later in it."""
        order = LedgerEntry(id=posting.id, member_id=posting.member.pk, order_reference=posting.order_reference)
        self.pending[posting.key or ""] = order
        self.stories[posting.id] = Story(posting.points, Decimal(posting.metadata["amount"]))


def read(store: Store, operations: Sequence[Operation], at: datetime) -> Reading:
    """Lock the members of the operations, in id order, and read what is known of them."""
    reading = Reading()
    if not operations:
        return reading
    merchant_id = store.merchant_id
    voided = {one.fields["entry_id"] for one in operations if one.op == "void"}
    if voided:
        reading.entries = LedgerEntry.objects.filter(merchant_id=merchant_id).in_bulk(list(voided))
    # Rewards are locked before members.
    _read_rewards(reading, merchant_id, operations)
    _read_members(reading, merchant_id, operations)
    _read_known(reading, store, operations)
    _read_used(reading)
    orders = [entry for entry in reading.known.values() if entry.type == EntryType.EARN]
    about = {entry.pk: entry for entry in [*orders, *reading.entries.values()]}
    if about:
        reading.stories = stories(list(about.values()))
    _read_limits(reading, operations, at)
    return reading


def _read_members(reading: Reading, merchant_id: UUID, operations: Sequence[Operation]) -> None:
    numbers = sorted({one.fields["card_number"] for one in operations if "card_number" in one.fields})
    owners = sorted({entry.member_id for entry in reading.entries.values()})
    members = faces.members(
        "m.merchant_id = %s AND (m.card_number = ANY (%s) OR m.id = ANY (%s::uuid[]))",
        [merchant_id, numbers, owners],
        for_change=True,
        order="ORDER BY m.id",
    )
    reading.by_card = {member.card_number: member for member in members}
    reading.standings = {member.pk: Standing.of(member) for member in members}
    if missing := [number for number in numbers if number not in reading.by_card]:
        replaced = ReplacedCard.objects.filter(merchant_id=merchant_id, card_number__in=missing)
        reading.replaced = set(replaced.values_list("card_number", flat=True))


def _read_known(reading: Reading, store: Store, operations: Sequence[Operation]) -> None:
    keys: set[str] = set()
    redeemed: set[str] = set()
    for one in operations:
        fields = one.fields
        if one.op == "earn":
            keys.add(f"earn:{fields['order_reference']}")
        elif one.op == "stamp":
            reference = fields.get("order_reference") or f"client:{store.pk}:{one.client_id}"
            keys.add(f"stamp:{reference}")
        elif one.op == "stamps_redeem":
            keys.add(f"stamp_redeem:{fields.get('reference') or f'client:{store.pk}:{one.client_id}'}")
        elif one.op == "refund":
            keys.add(f"refund:{fields['refund_reference']}")
            if "order_reference" in fields:
                keys.add(f"earn:{fields['order_reference']}")
        elif one.op == "void":
            keys.add(f"void:{fields['entry_id']}")
        elif one.op == "redeem":
            redeemed.add(f"redeem:{fields['order_reference']}")
    if keys:
        known = LedgerEntry.objects.filter(merchant_id=store.merchant_id, key__in=sorted(keys))
        reading.known = {entry.key or "": entry for entry in known}
    if redeemed:
        rows = Redemption.objects.select_related("reward").filter(
            merchant_id=store.merchant_id, key__in=sorted(redeemed)
        )
        reading.redemptions = {row.key or "": row for row in rows}
        entries = LedgerEntry.objects.in_bulk([row.entry_id for row in reading.redemptions.values() if row.entry_id])
        for row in reading.redemptions.values():
            row.entry = entries.get(row.entry_id) if row.entry_id else None


def _read_rewards(reading: Reading, merchant_id: UUID, operations: Sequence[Operation]) -> None:
    """The rewards asked for, as they stand; those with a stock are locked, in id order."""
    slugs = {one.fields["reward_slug"] for one in operations if "reward_slug" in one.fields}
    if not slugs:
        return
    asked = Reward.objects.filter(program__merchant_id=merchant_id, slug__in=slugs)
    limited = asked.filter(stock__isnull=False).order_by("pk").select_for_update(no_key=True, of=("self",))
    locked = set(limited.values_list("pk", flat=True))
    pool = RewardCode.objects.filter(reward=OuterRef("pk"), redemption=None).order_by()
    counted = pool.values("reward").annotate(codes=Count("pk")).values("codes")
    for reward in asked.annotate(free=Subquery(counted)):
        free = (reward.free or 0) if reward.gives_codes else None
        reading.offers[reward.program_id, reward.slug] = Offer(reward, 0, free, reward.pk in locked)


def _read_used(reading: Reading) -> None:
    """How much of the limited rewards each member has had."""
    limited = [offer.reward.pk for offer in reading.offers.values() if offer.reward.limit_per_member is not None]
    if limited:
        had = Redemption.objects.filter(
            member__in=reading.standings, reward__in=limited, status__in=["requested", "fulfilled"]
        ).order_by()
        for member_id, reward_id, units in had.values_list("member", "reward").annotate(units=Sum("quantity")):
            reading.used[member_id, reward_id] = units


def _read_limits(reading: Reading, operations: Sequence[Operation], at: datetime) -> None:
    """What the programs' caps and gaps count, and where tiers roll the points of the year."""
    standings = reading.standings
    programs = {pk: standing.member.program for pk, standing in standings.items()}
    qualifying = {pk: standing.qualifying for pk, standing in standings.items() if programs[pk].ladder}
    for pk, points in qualifying_points_of(qualifying, programs, at=at).items():
        standings[pk].qualifying = points
    limited = [pk for pk, program in programs.items() if _has_limits(program)]
    moments = [one.moment(at) for one in operations if one.op in ("earn", "stamp")]
    if not limited or not moments:
        return
    margin = timedelta(minutes=max(programs[pk].minutes_between_stamps for pk in limited))
    begin = min(day_of(programs[pk], min(moments))[0] for pk in limited) - margin
    end = max(day_of(programs[pk], max(moments))[1] for pk in limited) + margin
    counted = list(
        LedgerEntry.objects.filter(
            member__in=limited,
            type__in=[EntryType.EARN, EntryType.STAMP_EARNED],
            occurred_at__gte=begin,
            occurred_at__lt=end,
        )
    )
    undone: dict[UUID, int] = {}
    answers = LedgerEntry.objects.filter(
        Q(type=EntryType.UNDO) | Q(type=EntryType.STAMP_VOIDED), answers_id__in=[entry.pk for entry in counted]
    )
    for answered, points in answers.values_list("answers_id", "points_delta"):
        if answered is not None:
            undone[answered] = undone.get(answered, 0) + points
    for entry in counted:
        standing = standings[entry.member_id]
        if entry.type == EntryType.EARN:
            standing.orders.append((entry.occurred_at, entry.points_delta + undone.get(entry.pk, 0)))
        elif entry.pk not in undone:
            standing.stampings.append((entry.occurred_at, entry.stamps_delta))


def _has_limits(program: Program) -> bool:
    return bool(
        program.max_points_per_day is not None or program.stamps_per_day is not None or program.minutes_between_stamps
    )
