"""The ledger's lines."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.members import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Store, User


class EntryType(models.TextChoices):
    """Why value moved."""

    EARN = "earn", _("Purchase")
    WELCOME_BONUS = "welcome_bonus", _("Welcome bonus")
    REFERRAL_BONUS = "referral_bonus", _("Referral bonus")
    TIER_BONUS = "tier_bonus", _("Bonus")
    REDEEM = "redeem", _("Redemption")
    POINTS_EXPIRED = "points_expired", _("Points expired")
    ADMIN_ADJUSTMENT = "admin_adjustment", _("Correction")
    REFUND = "refund", _("Refund")
    UNDO = "undo", _("Undone")
    STAMP_EARNED = "stamp_earned", _("Stamp")
    STAMP_REDEEMED = "stamp_redeemed", _("Stamp card redeemed")
    STAMP_VOIDED = "stamp_voided", _("Stamp voided")


# The entries that raise lifetime points (specs/points.md "Lifetime points").
LIFETIME_TYPES = frozenset({EntryType.EARN, EntryType.WELCOME_BONUS, EntryType.REFERRAL_BONUS, EntryType.TIER_BONUS})

# What a member does in person: the entries that count as a visit in figures (docs/analytics.md). Bonuses, expiries and
# corrections happen to a member.
VISIT_TYPES = frozenset({EntryType.EARN, EntryType.REDEEM, EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED})

# Metadata that may hold words about a person. `anonymize` removes these keys, and the immutability trigger lets
# that one change pass; all other metadata stays for ever.
FREE_TEXT_KEYS = ("reason", "note", "items", "referral_code")
# Those that a process of the version before removes, while a new version is rolled out.
_FREE_TEXT_KEYS_BEFORE = ("reason", "note", "items")


def _array(keys: tuple[str, ...]) -> str:
    return ", ".join(f"'{key}'" for key in keys)


class LedgerEntry(models.Model):
    """One immutable line of a member's ledger, with the balance after it.

    `number` counts the member's entries 1, 2, 3 without a gap: pages, and the chain of balances, go by it.
    `occurred_at` is when it happened, `created_at` when it was written. A foreign-key constraint stands on the
    member alone: four more cost 28 % of each posting.
    """

    # True on an entry that answers a retry: it was written by an earlier request.
    replayed = False

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant_id = models.UUIDField(_("merchant"))
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="entries",
        verbose_name=_("member"),
        db_index=False,
    )
    number = models.IntegerField(_("number"))
    type = models.CharField(_("type"), max_length=20, choices=EntryType.choices)
    points_delta = models.BigIntegerField(_("points"), default=0)
    points_balance_after = models.BigIntegerField(_("points after"))
    stamps_delta = models.IntegerField(_("stamps"), default=0)
    stamps_balance_after = models.IntegerField(_("stamps after"))
    lifetime_delta = models.BigIntegerField(
        _("lifetime points"),
        default=0,
        help_text=_("What it added to or took from lifetime points."),
    )
    requested = models.BigIntegerField(
        _("requested"), null=True, help_text=_("Points asked for, where less may have been taken.")
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        verbose_name=_("store"),
        db_constraint=False,
        db_index=False,
    )
    actor = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        verbose_name=_("user"),
        db_constraint=False,
        db_index=False,
    )
    order_reference = models.CharField(_("order"), max_length=64, blank=True, default="")
    run_id = models.UUIDField(_("run"), null=True)
    answers_id = models.UUIDField(
        _("answers"),
        null=True,
        help_text=_("The entry that this one undoes, refunds or gives back."),
    )
    key = models.CharField(_("key"), max_length=200, null=True)  # noqa: DJ001 (no key is no key, not an empty one)
    fingerprint = models.BinaryField(_("request fingerprint"), null=True)
    description = models.TextField(_("description"), blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    occurred_at = models.DateTimeField(_("happened"))
    created_at = models.DateTimeField(_("written"))

    class Meta:
        db_table = "loyalty_ledger_entries"
        ordering = ["member", "-number"]
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(fields=["member", "number"], name="one_entry_a_number"),
            models.UniqueConstraint(
                fields=["merchant_id", "key"],
                condition=Q(key__isnull=False),
                name="one_entry_a_key",
            ),
        ]
        indexes = [
            # A member's year, day and timeline: `number` is the order of writing, not of what happened.
            models.Index(fields=["member", "occurred_at", "number"], name="entries_in_time"),
            models.Index(fields=["run_id"], condition=Q(run_id__isnull=False), name="entries_of_a_run"),
            models.Index(
                fields=["answers_id"],
                condition=Q(answers_id__isnull=False),
                name="entries_that_answer",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="entries_are_kept", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="entries_stay_as_they_are",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # Only the words about a person may go, and only to nothing.
                func=f"""
                    IF NEW.description IN (OLD.description, '')
                        AND NEW.metadata IN (
                            OLD.metadata,
                            OLD.metadata - ARRAY[{_array(FREE_TEXT_KEYS)}],
                            OLD.metadata - ARRAY[{_array(_FREE_TEXT_KEYS_BEFORE)}]
                        )
                        AND to_jsonb(NEW) - 'description' - 'metadata'
                            = to_jsonb(OLD) - 'description' - 'metadata'
                    THEN
                        RETURN NEW;
                    END IF;
                    RAISE EXCEPTION 'a ledger entry is never changed; answer it with another entry';
                """,
            ),
            pgtrigger.Trigger(
                name="entries_are_not_truncated",
                level=pgtrigger.Statement,
                operation=pgtrigger.Truncate,
                when=pgtrigger.Before,
                func="RAISE EXCEPTION 'ledger entries are kept';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} {self.points_delta:+d}"

    @property
    def shortfall(self) -> int:
        """Points that were asked for and not there; recorded, not owed."""
        return 0 if self.requested is None else max(0, self.requested - abs(self.points_delta))
