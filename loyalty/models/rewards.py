"""The catalogue: what points can become."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models.programs import MOST_POINTS, Program
from loyalty_site.ids import new_id


class Reward(models.Model):
    """Something a program gives for points. Switched off, it is asked for no more; what was asked for stands."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="rewards", verbose_name=_("program"))
    slug = models.SlugField(_("slug"), max_length=60)
    name = models.CharField(_("name"), max_length=80)
    description = models.TextField(_("description"), blank=True, default="")
    cost_points = models.PositiveBigIntegerField(
        _("points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)]
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_rewards"
        ordering = ["program", "cost_points"]
        constraints = [
            models.UniqueConstraint(fields=["program", "slug"], name="one_reward_a_slug"),
            models.CheckConstraint(condition=Q(cost_points__gt=0), name="a_reward_costs_points"),
        ]

    def __str__(self) -> str:
        return self.name
