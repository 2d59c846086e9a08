"""The card in a customer's pocket."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models.programs import Program, Tier
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer, Merchant

# What `ledger_post` alone may change; the runtime role has no right to write these.
VALUE_FIELDS = ("points_balance", "points_held", "lifetime_points", "stamp_count", "last_number")


class MemberQuerySet(models.QuerySet["Member"]):
    """Phrases about members. Begin with `for_merchant`: another merchant's member is nobody."""

    def for_merchant(self, merchant: Merchant) -> "MemberQuerySet":
        return self.filter(merchant=merchant)

    def of_active_programs(self) -> "MemberQuerySet":
        return self.filter(is_active=True, program__is_active=True)

    def with_points_to_expire_by_inactivity(self, program: Program, at: datetime) -> "MemberQuerySet":
        """Active members of `program` whose whole free balance is due at `at` (specs/points.md "Expiry")."""
        return self.filter(
            program=program,
            is_active=True,
            points_balance__gt=F("points_held"),
            last_activity_at__lte=at - program.inactivity_period,
        )


class Member(models.Model):
    """One customer's membership in one merchant's program: the card in their pocket.

    A narrow row that moves often. Its value fields are moved by `ledger.post` alone; the database refuses anybody
    else. Points and stamps are whole numbers.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.PROTECT,
        related_name="members",
        verbose_name=_("merchant"),
        db_index=False,
    )
    program = models.ForeignKey(
        Program,
        on_delete=models.PROTECT,
        related_name="members",
        verbose_name=_("program"),
        db_index=False,
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        related_name="memberships",
        verbose_name=_("customer"),
        db_index=False,
    )
    card_number = models.CharField(_("card number"), max_length=32)
    points_balance = models.BigIntegerField(_("points"), default=0, editable=False)
    points_held = models.BigIntegerField(_("points held"), default=0, editable=False)
    lifetime_points = models.BigIntegerField(_("lifetime points"), default=0, editable=False)
    stamp_count = models.IntegerField(_("stamps"), default=0, editable=False)
    last_number = models.IntegerField(_("last entry"), default=0, editable=False)
    tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("tier"),
        db_index=False,
    )
    referral_code = models.CharField(_("referral code"), max_length=8)
    enrolled_at = models.DateTimeField(_("enrolled"), null=True, blank=True)
    last_activity_at = models.DateTimeField(_("last activity"), default=timezone.now)
    last_expiration_warning_at = models.DateTimeField(_("last warned"), null=True, blank=True, editable=False)
    tier_warned_at = models.DateTimeField(
        _("warned of a lower tier"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Since then the points for the tier have been missing; empty while they are there."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    # What stands for the lock that this object was read under (loyalty/queries/locks.py).
    lock: Any = None

    objects = MemberQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_members"
        constraints = [
            models.CheckConstraint(condition=Q(points_held__gte=0), name="holds_not_negative"),
            models.CheckConstraint(condition=Q(points_held__lte=F("points_balance")), name="holds_within_balance"),
            models.CheckConstraint(condition=Q(stamp_count__gte=0), name="stamps_not_negative"),
            models.CheckConstraint(condition=Q(lifetime_points__gte=0), name="lifetime_not_negative"),
            models.UniqueConstraint(fields=["program", "customer"], name="one_member_a_customer"),
            models.UniqueConstraint(fields=["merchant", "card_number"], name="one_member_a_card"),
            models.UniqueConstraint(fields=["referral_code"], name="one_member_a_referral_code"),
            # Invites begin with another letter, so that a code is unique over both; a hyphen: somebody forgotten.
            models.CheckConstraint(condition=Q(referral_code__regex=r"^[M-]"), name="codes_of_members_begin_with_m"),
        ]
        indexes = [
            # The night's walk through one program. Columns that never change, so that an earn stays a HOT update.
            models.Index(fields=["program", "id"], name="members_of_a_program"),
            models.Index(fields=["customer"], name="members_of_a_customer"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="born_empty",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__points_balance__df=0)
                | pgtrigger.Q(new__points_held__df=0)
                | pgtrigger.Q(new__lifetime_points__df=0)
                | pgtrigger.Q(new__stamp_count__df=0)
                | pgtrigger.Q(new__last_number__df=0),
                func="RAISE EXCEPTION 'a member begins with nothing; value comes through the ledger';",
            ),
            pgtrigger.Protect(name="members_are_kept", operation=pgtrigger.Delete),
        ]

    PLAIN_FIELDS: ClassVar[frozenset[str]]

    def __str__(self) -> str:
        return self.card_number

    def save(
        self,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Save everything but value: a stale copy of a balance must not travel back."""
        if update_fields is None and not self._state.adding:
            update_fields = self.PLAIN_FIELDS
        super().save(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
        )

    @property
    def points_available(self) -> int:
        """What can be spent now: the balance without what is held."""
        return self.points_balance - self.points_held


Member.PLAIN_FIELDS = frozenset(
    field.name for field in Member._meta.concrete_fields if field.name not in VALUE_FIELDS and not field.primary_key
)


class ReplacedCard(models.Model):
    """A card number that was given out before; whoever shows it is told so."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="replaced_cards")
    card_number = models.CharField(_("card number"), max_length=32)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    replaced_at = models.DateTimeField(_("replaced"))

    class Meta:
        db_table = "loyalty_replaced_cards"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "card_number"], name="a_number_is_replaced_once"),
        ]

    def __str__(self) -> str:
        return self.card_number
