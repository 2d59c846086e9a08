"""The catalogue: what points can become."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models.programs import MOST_POINTS, Program, Tier
from loyalty_site.ids import new_id

MOST_UNITS = 10**9


class RewardKind(models.TextChoices):
    """What the member gets."""

    DISCOUNT_CODE = "discount_code", _("Discount code")
    PRODUCT = "product", _("Product")
    FREE_TEXT = "free_text", _("Something in words")


class Reward(models.Model):
    """Something a program gives for points. Switched off, it is asked for no more; what was asked for stands.

    `stock` is what is left, in units; a unit is taken when it is asked for, and given back if nothing comes of it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="rewards", verbose_name=_("program"))
    slug = models.SlugField(_("slug"), max_length=60)
    name = models.CharField(_("name"), max_length=80)
    description = models.TextField(_("description"), blank=True, default="")
    cost_points = models.PositiveBigIntegerField(
        _("points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)]
    )
    kind = models.CharField(_("kind"), max_length=13, choices=RewardKind.choices, default=RewardKind.PRODUCT)
    sku = models.CharField(
        _("product number"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("Of a product: what the till knows it by."),
    )
    instructions = models.TextField(
        _("instructions"),
        max_length=2000,
        blank=True,
        default="",
        help_text=_("What whoever gets it should know; of something in words, the words."),
    )
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    stock = models.PositiveIntegerField(
        _("units left"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_UNITS)],
        help_text=_("Empty: as many as are asked for."),
    )
    limit_per_member = models.PositiveIntegerField(
        _("most units a member"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_UNITS)],
    )
    minimum_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("from tier"),
        help_text=_("For members of this tier and those above it."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_rewards"
        ordering = ["program", "cost_points"]
        constraints = [
            models.UniqueConstraint(fields=["program", "slug"], name="one_reward_a_slug"),
            models.CheckConstraint(condition=Q(cost_points__gt=0), name="a_reward_costs_points"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at")),
                name="a_reward_ends_after_it_starts",
                violation_error_message=_("It must end after it starts."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError for another program's tier, an end before the beginning, or words that are missing."""
        if self.minimum_tier is not None and self.minimum_tier.program_id != self.program_id:
            raise ValidationError({"minimum_tier": _("This tier is of another program.")})
        if self.starts_at is not None and self.ends_at is not None and self.starts_at >= self.ends_at:
            raise ValidationError({"ends_at": _("It must end after it starts.")})
        if self.kind == RewardKind.FREE_TEXT and not self.instructions.strip():
            raise ValidationError({"instructions": _("Something in words needs the words.")})

    @property
    def gives_codes(self) -> bool:
        """Whether each unit of it is a code of its pool."""
        return self.kind == RewardKind.DISCOUNT_CODE


class RewardPicture(models.Model):
    """The picture of a reward, kept beside everything else that is true: one backup, and every web process has it.

    Another picture is another row, so that caches may keep an address for good.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reward = models.OneToOneField(Reward, on_delete=models.CASCADE, related_name="picture", verbose_name=_("reward"))
    media_type = models.CharField(_("type"), max_length=20)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    content = models.BinaryField(_("content"))

    class Meta:
        db_table = "loyalty_reward_pictures"
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


class RewardCode(models.Model):
    """One discount code of a reward's pool. Given to a redemption it stays there, whatever becomes of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reward = models.ForeignKey(
        Reward, on_delete=models.CASCADE, related_name="codes", verbose_name=_("reward"), db_index=False
    )
    code = models.CharField(_("code"), max_length=64)
    redemption = models.ForeignKey(
        "loyalty.Redemption",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="codes",
        verbose_name=_("redemption"),
    )
    given_at = models.DateTimeField(_("given"), null=True, blank=True)
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_reward_codes"
        ordering = ["reward", "id"]
        verbose_name = _("discount code")
        verbose_name_plural = _("discount codes")
        constraints = [
            models.UniqueConstraint(fields=["reward", "code"], name="one_code_a_reward"),
            models.CheckConstraint(
                condition=Q(redemption=None, given_at=None) | Q(redemption__isnull=False, given_at__isnull=False),
                name="a_code_is_given_to_a_redemption",
            ),
        ]
        indexes = [
            models.Index(fields=["reward", "id"], condition=Q(redemption=None), name="codes_in_the_pool"),
        ]

    def __str__(self) -> str:
        return self.code
