"""Everything that moves a member's value or tier, in any order: what must hold after each step, held.

The machine plays a shop over months. What it expects of tiers, lifetime points and lots it works out by itself, in
plain Python, from the rules of specs/points.md.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from loyalty.models import EntryType, LedgerEntry, LotAllocation, Member, PointLot, Program, Redemption, Tier
from loyalty.operations import expiration, points, progression, redemptions, refunds, restores, stamps, undoing
from loyalty.queries import reconciliation
from loyalty_site.ids import new_id
from loyalty_site.refusals import Refusal
from tests.cast import NOON, make_member, make_merchant

EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "20"))
STEPS = 25

DAY = timedelta(days=1)
VALID, WARNED, HORIZON = 30 * DAY, 3 * DAY, 30 * DAY
MULTIPLIERS = {"bronze": 1, "silver": Decimal("1.5"), "gold": 2}
# Threshold of each tier, and whether it is switched on.
LADDERS = [
    {"bronze": (50, True), "silver": (150, True), "gold": (400, True)},
    {"bronze": (0, True), "silver": (100, True), "gold": (250, True)},
    {"bronze": (120, True), "silver": (500, True), "gold": (900, True)},
    {"bronze": (50, True), "silver": (150, False), "gold": (400, True)},
    {"bronze": (50, True), "silver": (150, True), "gold": (400, False)},
]


@dataclass
class Expected:
    """One member as the rules would have them."""

    tier: str | None = None
    warned_at: datetime | None = None
    lifetime: int = 0
    moved: list[tuple[datetime, int]] = field(default_factory=list)
    visits: set[int] = field(default_factory=set)
    rewarded: set[int] = field(default_factory=set)
    # Open lots by id: points left, date, number.
    lots: dict = field(default_factory=dict)
    seen: int = 0


def week_of(moment: datetime) -> int:
    """Weeks since a Monday long ago; the program's zone is UTC."""
    return (moment.date().toordinal() - 1) // 7


class Shop(RuleBasedStateMachine):
    """Two members of one program with lots, tiers that go up and down, holds and streaks."""

    @initialize(
        basis=st.sampled_from(["lifetime", "rolling"]), policy=st.sampled_from(["never", "one_down", "by_balance"])
    )
    def open(self, basis, policy):
        self.frame = transaction.atomic()
        # Like the block of a test case: what commits chunk by chunk may run within it.
        self.frame._from_testcase = True
        self.frame.__enter__()
        self.policy, self.basis, self.now = policy, basis, NOON
        self.program = make_merchant(
            "shop",
            expiry_policy="lots",
            points_valid_days=VALID.days,
            tier_basis=basis,
            downgrade_policy=policy,
            downgrade_warning_days=WARNED.days,
        )
        self.ladder = LADDERS[0]
        for slug, (threshold, active) in self.ladder.items():
            Tier.objects.create(
                program=self.program,
                slug=slug,
                name=slug,
                point_threshold=threshold,
                multiplier=MULTIPLIERS[slug],
                is_active=active,
            )
        self.store = self.program.merchant.stores.create(reference="1", name="One")
        ids = [make_member(self.program, name).pk for name in ("ana", "ben")]
        self.expected = dict(zip(ids, [Expected(), Expected()], strict=True))
        self.orders: list[tuple] = []
        self.runs: list = []
        self.count = 0

    def teardown(self):
        if hasattr(self, "frame"):
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    # --- What happens in the shop -----------------------------------------------------------------------------
    @rule(who=st.integers(0, 1), amount=st.integers(0, 30))
    def earn(self, who, amount):
        member, expected = self._member(who)
        multiplier = MULTIPLIERS[expected.tier] if expected.tier else 1
        self.count += 1
        order = f"W-{self.count}"

        entry = points.earn(member=member, store=self.store, amount=Decimal(amount), order_reference=order, at=self.now)

        assert entry.points_delta == amount * 10 * multiplier
        self.orders.append((who, order))
        expected.visits.add(week_of(self.now))
        self._settled()

    @rule(who=st.integers(0, 1))
    def stamp(self, who):
        member, expected = self._member(who)
        stamps.add(member=member, store=self.store, at=self.now)
        expected.visits.add(week_of(self.now))
        self._settled()

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), amount=st.integers(1, 30), names_order=st.booleans())
    def refund(self, data, amount, names_order):
        who, order = data.draw(st.sampled_from(self.orders))
        self.count += 1
        member, _ = self._member(who)
        entry = refunds.refund(
            member=member,
            store=self.store,
            amount=Decimal(amount),
            refund_reference=f"R-{self.count}",
            order_reference=order if names_order else None,
            at=self.now,
        )
        assert -entry.points_delta == min(entry.requested, member.points_available)
        self._settled()

    @rule(who=st.integers(0, 1), amount=st.integers(-200, 200).filter(bool))
    def adjust(self, who, amount):
        member, _ = self._member(who)
        may = amount > 0 or -amount <= member.points_available
        assert may is self._tried(
            lambda: points.adjust(member=member, points=amount, reason="r", actor=None, key=None, at=self.now)
        )
        self._settled()

    @rule(who=st.integers(0, 1), amount=st.integers(1, 300))
    def hold(self, who, amount):
        member, _ = self._member(who)
        may = amount <= member.points_available
        assert may is self._tried(lambda: redemptions.hold(member=member, points=amount, at=self.now))
        self._settled()

    @precondition(lambda self: self._open().exists())
    @rule(data=st.data(), how=st.sampled_from(["fulfil", "cancel", "fail"]))
    def close(self, data, how):
        redemption = data.draw(st.sampled_from(list(self._open())))
        if how == "fulfil":
            redemptions.fulfil(redemption=redemption, at=self.now)
        elif how == "cancel":
            redemptions.cancel(redemption=redemption, at=self.now, reason="r")
        else:
            redemptions.fail(redemption=redemption, at=self.now, reason="r")
        self._settled()

    # --- What the house does ----------------------------------------------------------------------------------
    @rule(hours=st.sampled_from([1, 12, 24, 72, 7 * 24, 7 * 24, 10 * 24, 200 * 24]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def night(self):
        run = new_id()
        members = {pk: Member.objects.get(pk=pk) for pk in self.expected}
        due = {
            pk: max(
                0, sum(left for left, date, _ in expected.lots.values() if date <= self.now) - members[pk].points_held
            )
            for pk, expected in self.expected.items()
        }

        expiration.expire(programs=[self._program()], at=self.now, run_id=run)

        taken = dict(LedgerEntry.objects.filter(run_id=run).values_list("member_id", "points_delta"))
        assert taken == {pk: -points for pk, points in due.items() if points}
        self.runs += [run] if taken else []
        self._settled()

    @rule()
    def hour(self):
        run = new_id()
        owed = {pk: self._weeks_owed(expected) for pk, expected in self.expected.items()}

        progression.advance(programs=[self._program()], at=self.now, run_id=run)

        for pk, weeks in owed.items():
            assert LedgerEntry.objects.filter(run_id=run, member_id=pk).count() == len(weeks)
            self.expected[pk].rewarded |= weeks
        self.runs += [run] if any(owed.values()) else []
        self._settled()
        for expected in self.expected.values():
            self._judge(expected, lowers=True)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def undo(self, data):
        undoing.undo(run_id=data.draw(st.sampled_from(self.runs)), undo_run_id=new_id(), at=self.now)
        self._settled()

    @precondition(lambda self: self._expiries().exists())
    @rule(data=st.data(), amount=st.integers(1, 300))
    def restore(self, data, amount):
        entry = data.draw(st.sampled_from(list(self._expiries())))
        answered = sum(LedgerEntry.objects.filter(answers_id=entry.pk).values_list("points_delta", flat=True))
        may = amount <= -entry.points_delta - answered
        member = Member.objects.select_related("program", "tier").get(pk=entry.member_id)
        assert may is self._tried(
            lambda: restores.restore(
                member=member, points=amount, reason="r", actor=None, key=None, at=self.now, entry=entry
            )
        )
        self._settled()

    @rule(ladder=st.sampled_from(LADDERS))
    def change_the_tiers(self, ladder):
        Tier.objects.update(is_active=False)
        for slug, (threshold, active) in ladder.items():
            Tier.objects.filter(slug=slug).update(point_threshold=threshold, is_active=active)
        self.ladder = ladder

        progression.retier(programs=[self._program()], at=self.now, run_id=new_id())

        for expected in self.expected.values():
            self._judge(expected, lowers=False)

    # --- What must hold ---------------------------------------------------------------------------------------
    @invariant()
    def the_books_balance(self):
        if hasattr(self, "expected"):
            # Sums of entries, held = open redemptions, chains of balances, lots = allocations, dated <= balance.
            assert list(reconciliation.differences()) == []

    @invariant()
    def tier_and_lifetime_points_are_right(self):
        for pk, expected in getattr(self, "expected", {}).items():
            member = Member.objects.select_related("tier").get(pk=pk)
            assert member.lifetime_points == expected.lifetime
            assert (member.tier.slug if member.tier else None) == expected.tier
            assert member.tier_warned_at == expected.warned_at

    @invariant()
    def the_balance_is_what_is_open_in_lots_and_what_has_no_date(self):
        for pk, expected in getattr(self, "expected", {}).items():
            member = Member.objects.get(pk=pk)
            dated = sum(left for left, _, _ in expected.lots.values())
            assert 0 <= member.points_held <= member.points_balance
            assert dated <= member.points_balance

    def _settled(self):
        """Take in the entries of this step, one after the other: what each did to lots, lifetime points and tier."""
        for pk, expected in self.expected.items():
            entries = list(LedgerEntry.objects.filter(member_id=pk, number__gt=expected.seen).order_by("number"))
            for entry in entries:
                self._take_in(expected, entry)
            expected.lots = {
                lot.pk: (lot.remaining, lot.expires_at, lot.number)
                for lot in PointLot.objects.filter(member_id=pk, status="scheduled")
            }
            expected.seen += len(entries)

    def _take_in(self, expected: Expected, entry: LedgerEntry):
        taken = dict(LotAllocation.objects.filter(entry=entry).values_list("lot_id", "points"))
        if entry.points_delta < 0:
            assert taken == soonest_first(expected.lots, -entry.points_delta), entry.type
        for lot, some in taken.items():
            if lot in expected.lots:
                left, date, number = expected.lots[lot]
                expected.lots[lot] = (left - some, date, number)
        if (made := PointLot.objects.filter(pk=entry.pk).first()) is not None:
            expected.lots[made.pk] = (made.points, made.expires_at, made.number)

        moves = entry.type in ("earn", "tier_bonus", "refund") or (entry.type == "undo" and entry.points_delta < 0)
        delta = max(entry.points_delta, -expected.lifetime) if moves else 0
        assert entry.lifetime_delta == delta
        expected.lifetime += delta
        expected.moved.append((entry.occurred_at, delta))
        if delta > 0:
            self._judge(expected, lowers=False)

    def _judge(self, expected: Expected, *, lowers: bool):
        """The rule of tiers, as it is written."""
        since = self.now - timedelta(hours=365 * 24)
        qualifying = expected.lifetime
        if self.basis == "rolling":
            qualifying = sum(delta for moment, delta in expected.moved if since < moment <= self.now)
        active = sorted((threshold, slug) for slug, (threshold, is_on) in self.ladder.items() if is_on)
        reached = [one for one in active if one[0] <= qualifying]
        level = self.ladder[expected.tier][0] if expected.tier else -1
        goal, slug = reached[-1] if reached else (-1, None)
        if goal > level:
            expected.tier, expected.warned_at = slug, None
        elif goal == level or self.policy == "never":
            expected.warned_at = None
        elif lowers and expected.warned_at is None:
            expected.warned_at = self.now
        elif lowers and expected.warned_at + WARNED <= self.now:
            below = [name for threshold, name in active if threshold < level]
            expected.tier = slug if self.policy == "by_balance" else (below[-1] if below else None)
            expected.warned_at = None

    # --- Helpers ----------------------------------------------------------------------------------------------
    def _weeks_owed(self, expected: Expected) -> set[int]:
        weeks = range(week_of(self.now - HORIZON), week_of(self.now) + 1)
        return {week for week in weeks if {week, week - 1} <= expected.visits and week not in expected.rewarded}

    def _tried(self, change: Callable[[], object]) -> bool:
        """Whether the change was done; a refusal leaves nothing behind."""
        try:
            with transaction.atomic():
                change()
        except Refusal:
            return False
        return True

    def _member(self, who: int) -> tuple[Member, Expected]:
        pk = list(self.expected)[who]
        return Member.objects.select_related("program", "tier", "customer").get(pk=pk), self.expected[pk]

    def _program(self) -> Program:
        return Program.objects.select_related("merchant").get(pk=self.program.pk)

    def _open(self):
        return Redemption.objects.filter(member_id__in=self.expected, status="requested").order_by("pk")

    def _expiries(self):
        entries = LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED, member_id__in=self.expected)
        return entries.order_by("pk")


def soonest_first(lots: dict, wanted: int) -> dict:
    """How much of which lots a spending takes: the soonest date first, on ties the older; undated points last."""
    shares = {}
    for lot, (left, _, _) in sorted(lots.items(), key=lambda item: (item[1][1], item[1][2])):
        if (share := min(left, wanted)) > 0:
            shares[lot], wanted = share, wanted - share
    return shares


@pytest.mark.django_db
def test_whatever_happens_in_whatever_order_books_lots_and_tiers_are_right():
    run_machine(
        Shop,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
