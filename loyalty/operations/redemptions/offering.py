"""Whether a member may have a reward, and how much of it is left afterwards."""

from datetime import datetime

from loyalty.models import Member, Reward, Tier
from loyalty.operations.redemptions.refusals import InvalidQuantity, RewardUnavailable
from loyalty.queries.offers import Offer

# More than anybody carries home; what a pool of codes is counted to.
MOST_UNITS_AT_ONCE = 1_000


def check(offer: Offer, *, member: Member, quantity: int, at: datetime) -> None:
    """Raise `RewardUnavailable` where the member cannot have so many units of it at `at`, or `InvalidQuantity`.

    Asked in the order in which a person would: is there such a reward now, is it for this member, is any left.
    """
    reward = offer.reward
    check_quantity(quantity)
    if not reward.is_active:
        raise RewardUnavailable(why="inactive")
    if reward.starts_at is not None and at < reward.starts_at:
        raise RewardUnavailable("This reward is not given yet.", why="not_yet")
    if reward.ends_at is not None and at >= reward.ends_at:
        raise RewardUnavailable("This reward is not given any more.", why="over")
    if reward.minimum_tier_id is not None and not _reaches(member, reward):
        raise RewardUnavailable("This reward is for members of a higher tier.", why="tier")
    if reward.limit_per_member is not None and offer.used + quantity > reward.limit_per_member:
        raise RewardUnavailable(f"A member may have {reward.limit_per_member} of this reward.", why="limit")
    if offer.is_limited and quantity > (reward.stock or 0):
        raise RewardUnavailable("There is not enough of this reward left.", why="stock")
    if offer.free is not None and quantity > offer.free:
        raise RewardUnavailable("There are no codes left for this reward.", why="codes")


def check_quantity(quantity: int) -> None:
    """Raise `InvalidQuantity` for what is no number of units."""
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= MOST_UNITS_AT_ONCE:
        raise InvalidQuantity


def _reaches(member: Member, reward: Reward) -> bool:
    tiers: dict[object, Tier] = getattr(member.program, "all_tiers", {})
    needed = tiers.get(reward.minimum_tier_id) or reward.minimum_tier
    return needed is None or (member.tier is not None and member.tier.point_threshold >= needed.point_threshold)
