"""What a merchant's active program offers to everybody: its tiers and rewards."""

from datetime import datetime

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from loyalty.models import Reward, RewardCode, RewardPicture, Tier
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant


class WhichMerchant(Refusal):
    """There are several merchants, and the call names none. `facts`: field."""

    code = "which_merchant"
    status = 400
    sentence = "Name the merchant: ?merchant=<slug>."


def merchant_meant(slug: str | None) -> Merchant:
    """The active merchant with this slug; without one the only one there is. Raises `NotFound`, `WhichMerchant`."""
    merchants = Merchant.objects.filter(is_active=True)
    if slug is not None:
        named = merchants.filter(slug=slug).first()
        if named is None:
            raise NotFound
        return named
    found = list(merchants.order_by("pk")[:2])
    if len(found) != 1:
        raise WhichMerchant(field="merchant")
    return found[0]


def tiers(merchant: Merchant) -> "QuerySet[Tier]":
    """The active tiers of the active program, lowest threshold first."""
    here = Tier.objects.filter(program__merchant=merchant, program__is_active=True, is_active=True)
    return here.order_by("point_threshold", "slug")


def rewards(merchant: Merchant, *, at: datetime) -> "QuerySet[Reward]":
    """The rewards that the active program offers at `at`, cheapest first."""
    return offered(Reward.objects.filter(program__merchant=merchant, program__is_active=True), at=at)


def offered(rewards: "QuerySet[Reward]", *, at: datetime) -> "QuerySet[Reward]":
    """Of these rewards the active ones that can be asked for at `at`, cheapest first: begun, and not over."""
    begun = Q(starts_at=None) | Q(starts_at__lte=at)
    not_over = Q(ends_at=None) | Q(ends_at__gt=at)
    return rewards.filter(begun, not_over, is_active=True).order_by("cost_points", "slug")


def with_codes_and_picture(rewards: "QuerySet[Reward]") -> "QuerySet[Reward]":
    """The rewards with `codes_left` in their pools (None for nothing left) and the id of their picture."""
    pool = RewardCode.objects.filter(reward=OuterRef("pk"), redemption=None).order_by()
    return rewards.annotate(
        codes_left=Subquery(pool.values("reward").annotate(codes=Count("pk")).values("codes")),
        picture_id=Subquery(RewardPicture.objects.filter(reward=OuterRef("pk")).values("pk")[:1]),
    )
