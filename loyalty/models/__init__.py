from loyalty.models.checkout import CheckoutIntent
from loyalty.models.entries import FREE_TEXT_KEYS, LIFETIME_TYPES, VISIT_TYPES, EntryType, LedgerEntry
from loyalty.models.lots import LotAllocation, PointLot
from loyalty.models.members import Member, ReplacedCard
from loyalty.models.programs import DowngradePolicy, ExpiryPolicy, Program, Tier, TierBasis
from loyalty.models.redemptions import Redemption
from loyalty.models.rewards import Reward, RewardCode, RewardKind, RewardPicture

__all__ = [
    "FREE_TEXT_KEYS",
    "LIFETIME_TYPES",
    "VISIT_TYPES",
    "CheckoutIntent",
    "DowngradePolicy",
    "EntryType",
    "ExpiryPolicy",
    "LedgerEntry",
    "LotAllocation",
    "Member",
    "PointLot",
    "Program",
    "Redemption",
    "ReplacedCard",
    "Reward",
    "RewardCode",
    "RewardKind",
    "RewardPicture",
    "Tier",
    "TierBasis",
]
