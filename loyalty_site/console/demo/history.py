"""A merchant's year, day by day, through the operations that serve a till."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from loyalty.ledger import InsufficientPoints, KeyReused, Posted, Short
from loyalty.models import EntryType, LedgerEntry, Member, Redemption
from loyalty.operations import cards, enrollment, points, redemptions, refunds, restores
from loyalty.operations.points import earning
from loyalty.operations.settling import Booking, settle
from loyalty.operations.stamps import redeeming, stamping
from loyalty_site.console.demo import friends
from loyalty_site.console.demo.merchants import House
from loyalty_site.console.demo.people import ONE_DAY, SEED, Character, Clock, day_of, moment_on
from loyalty_site.console.demo.visits import Visit, visits_of
from loyalty_site.tenants.models import User

# What happens in a visit besides the purchase, by luck.
VOIDED, RETURNED = 0.006, 0.022


@dataclass
class Year:
    """One merchant's members and what is known of them while their year is told."""

    house: House
    people: list[Character]
    clock: Clock
    actor: User | None
    members: dict[int, Member] = field(default_factory=dict)
    available: dict[UUID, int] = field(default_factory=dict)
    returns: dict[date, list[Visit]] = field(default_factory=lambda: defaultdict(list))
    held: list[Redemption] = field(default_factory=list)
    came_at: dict[UUID, datetime] = field(default_factory=dict)

    def remember(self) -> None:
        """Read who is a member, and what each has, as after a start or a night."""
        of_program = Member.objects.filter(program=self.house.program)
        if not self.members:
            numbers = {who.reference: who.number for who in self.people}
            for member in of_program.select_related("tier", "customer").filter(customer__external_ref__in=numbers):
                self._know(numbers[member.customer.external_ref], member)
            asked_for = Redemption.objects.filter(
                status=Redemption.Status.REQUESTED, member__program=self.house.program
            )
            self.held = list(asked_for.select_related("member").order_by("requested_at", "pk"))
        for pk, balance, held in of_program.values_list("pk", "points_balance", "points_held"):
            self.available[pk] = balance - held

    def live(self, day: date) -> None:
        """Everything that happens between the day's nightly run and the next."""
        self._enrol(day)
        visits = [
            visit
            for visit in visits_of(self.house.plan, self.people, self.clock, day)
            if self.members[visit.who.number].is_active
        ]
        self._serve(visits)
        self.came_at = {self.members[visit.who.number].pk: visit.at for visit in visits}
        for visit in visits:
            self._finish(visit)
        for visit in self.returns.pop(day, []):
            self._take_back(visit, visit.at + (day - day_of(visit.at)))
        self._close_holds(day)
        self._look_after(day)
        friends.bring(self, day)

    # --- At the till ------------------------------------------------------------------------------------------
    def _enrol(self, day: date) -> None:
        program = self.house.program
        for who in self.people:
            if who.enrols_on == day and who.number not in self.members:
                store = self.house.stores[who.home.reference]
                enrolled = enrollment.enroll(program=program, person=who.person, at=who.enrols_at, store=store)
                self._know(who.number, enrolled.member)
                self.available[enrolled.member.pk] = enrolled.member.points_available

    def _know(self, number: int, member: Member) -> None:
        # One object for all: its ladder of tiers is read once.
        member.program = self.house.program
        self.members[number] = member

    def _serve(self, visits: list[Visit]) -> None:
        """All purchases of the day in one batch, as a till sends what it kept while it was offline."""
        bookings = [booking for visit in visits for booking in self._purchase(visit)]
        if not bookings:
            return
        with transaction.atomic():
            posted = settle(bookings, at=visits[-1].at)
        self._learn(posted)

    def _purchase(self, visit: Visit) -> list[Booking]:
        member, store = self.members[visit.who.number], self.house.stores[visit.shop.reference]
        bookings = [
            earning(member=member, store=store, amount=visit.amount, order_reference=visit.reference, at=visit.at)
        ]
        if self.house.plan.gives_stamps and not visit.shop.is_online:
            bookings.append(stamping(member=member, store=store, at=visit.at, order_reference=visit.reference))
            if visit.whim < 0.6:
                # Happens only where the card is full by now.
                bookings.append(
                    redeeming(member=member, store=store, at=visit.at, key=visit.reference, short=Short.SKIP)
                )
        return bookings

    def _learn(self, posted: list[Posted]) -> None:
        for one in posted:
            self.available[one.posting.member.pk] = one.points_available

    def _finish(self, visit: Visit) -> None:
        """What else happens in this visit, or because of it."""
        plan = self.house.plan
        if visit.who.is_quiet:
            # Nothing that would touch the points of the appointment.
            if visit.who.appointed_on != day_of(visit.at) and visit.luck > 1 - visit.who.habit.redeems:
                self._redeem(visit)
        elif visit.luck < VOIDED:
            self._void(visit)
        elif visit.luck < RETURNED:
            back_on = day_of(visit.at) + plan.days_to_return * ONE_DAY
            self.returns[back_on].append(visit)
        elif visit.luck > 1 - visit.who.habit.redeems:
            self._redeem(visit)

    def _void(self, visit: Visit) -> None:
        store, at = self.house.stores[visit.shop.reference], visit.at + timedelta(minutes=4)
        reasons = self.house.plan.void_reasons
        reason = reasons[int(visit.whim * len(reasons))]
        keys = [f"earn:{visit.reference}", f"stamp:{visit.reference}"]
        if at > self.clock.now:
            return
        for entry in LedgerEntry.objects.filter(merchant_id=self.house.merchant.pk, key__in=keys):
            try:
                void = refunds.void(store=store, entry_id=entry.pk, reason=reason, at=at, actor=self.actor)
            except (InsufficientPoints, refunds.StampsSpent):
                continue
            self.available[void.member_id] = void.points_balance_after

    def _take_back(self, visit: Visit, at: datetime) -> None:
        member = self.members[visit.who.number]
        at = self._not_before_the_visit(member.pk, at) + timedelta(minutes=20)
        if at > self.clock.now:
            return
        part = visit.amount if visit.whim < 0.6 else (visit.amount / 2).quantize(visit.amount)
        refund = refunds.refund(
            member=member,
            store=self.house.stores[visit.shop.reference],
            amount=part,
            refund_reference=f"{visit.reference}-R",
            order_reference=visit.reference,
            at=at,
        )
        self.available[member.pk] += refund.points_delta

    def _redeem(self, visit: Visit) -> None:
        """Spend points on the dearest reward there is enough for: at the counter, or kept until it is collected."""
        plan, member, at = self.house.plan, self.members[visit.who.number], visit.at + timedelta(minutes=2)
        affordable = [reward for reward in self.house.rewards if reward.cost_points <= self.available[member.pk]]
        if not affordable or at > self.clock.now:
            return
        reward = affordable[-1]
        reference = f"{visit.reference}-P"
        try:
            if visit.whim < plan.collected_later:
                hold = redemptions.hold(member=member, reward=reward, at=at, key=reference, order_reference=reference)
                self.held.append(hold)
            else:
                redemptions.redeem(
                    member=member,
                    store=self.house.stores[visit.shop.reference],
                    reward=reward,
                    order_reference=reference,
                    at=at,
                )
        except KeyReused:
            # The day was broken off and is told again: they had chosen before, with more points than now.
            return
        self.available[member.pk] -= reward.cost_points

    # --- Behind the counter -----------------------------------------------------------------------------------
    def _close_holds(self, day: date) -> None:
        """Rewards that were asked for are collected after some days, or are not."""
        waiting = []
        for redemption in self.held:
            rng = Random(f"{SEED}:{redemption.key}")  # noqa: S311
            waits, fate = rng.randint(1, 12), rng.random()
            at = self._not_before_the_visit(redemption.member_id, redemption.requested_at + waits * ONE_DAY)
            if day_of(at) > day or at > self.clock.now:
                waiting.append(redemption)
                continue
            redemption.member.program = self.house.program
            if fate < 0.8:
                redemptions.fulfil(redemption=redemption, at=at, actor=self.actor)
            elif fate < 0.93:
                redemptions.cancel(redemption=redemption, at=at, reason="Not wanted any more")
                self.available[redemption.member_id] += redemption.points_cost
            else:
                redemptions.fail(redemption=redemption, at=at, reason="Sold out")
                self.available[redemption.member_id] += redemption.points_cost
        self.held = waiting

    def _look_after(self, day: date) -> None:
        """What staff do by hand, now and then: restore, correct, replace a card, switch one off."""
        plan = self.house.plan
        rng = Random(f"{SEED}:{plan.slug}:{day}:office")  # noqa: S311
        chance, who = rng.random(), rng.choice(self.people)
        at = moment_on(plan, day, rng)
        reasons = {"restore": rng.choice(plan.restore_reasons), "adjust": rng.choice(plan.adjust_reasons)}
        member = self.members.get(who.number)
        if at > self.clock.now or not plan.weekdays[day.weekday()]:
            return
        if chance < 0.09:
            self._restore(day, at, reasons["restore"], rng)
        elif member is None or who.is_quiet or not self._was_there_before(member, at):
            return
        elif chance < 0.14:
            amount = rng.choice([50, 100, 200])
            points.adjust(
                member=member, points=amount, reason=reasons["adjust"], actor=self.actor, key=f"demo:{day}", at=at
            )
            self.available[member.pk] += amount
        elif chance < 0.16:
            replaced = cards.replace(member=member, reason="Lost", at=at)
            member.card_number = replaced.card_number
        elif chance < 0.175:
            cards.deactivate(member=member, at=at)

    def _restore(self, day: date, at: datetime, reason: str, rng: Random) -> None:
        """Somebody whose points expired in the last two weeks has asked for them."""
        quiet = {self.members[who.number].pk for who in self.people if who.is_quiet and who.number in self.members}
        given_back = LedgerEntry.objects.filter(
            merchant_id=self.house.merchant.pk, type=EntryType.ADMIN_ADJUSTMENT, answers_id__isnull=False
        )
        expired = LedgerEntry.objects.filter(
            merchant_id=self.house.merchant.pk,
            type=EntryType.POINTS_EXPIRED,
            occurred_at__gt=at - 14 * ONE_DAY,
            occurred_at__lt=at,
            points_delta__lte=-50,
        ).exclude(Q(member_id__in=quiet) | Q(pk__in=given_back.values("answers_id")))
        found = list(expired.order_by("occurred_at", "points_delta", "order_reference")[:20])
        if not found:
            return
        entry = rng.choice(found)
        member = next(each for each in self.members.values() if each.pk == entry.member_id)
        if not self._was_there_before(member, at):
            return
        try:
            given = restores.restore(
                member=member,
                points=-entry.points_delta,
                reason=reason,
                actor=self.actor,
                key=f"demo:{day}",
                at=at,
                entry=entry,
            )
        except KeyReused:
            # As above: somebody else was given theirs back.
            return
        self.available[member.pk] += given.points_delta

    def _not_before_the_visit(self, member_id: UUID, at: datetime) -> datetime:
        """Who comes on a day anyway does everything then: entries stand in order of time."""
        came_at = self.came_at.get(member_id)
        return at if came_at is None else max(at, came_at + timedelta(minutes=3))

    def _was_there_before(self, member: Member, at: datetime) -> bool:
        """Whether nothing of this member is younger, so that the entry's number follows its time."""
        latest = LedgerEntry.objects.filter(member=member).order_by("-number").values_list("occurred_at", flat=True)
        moment = latest.first()
        return moment is not None and moment < at
