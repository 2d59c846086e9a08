"""Spending points: held when asked for, then spent or released (specs/points.md "Spending and holds").

Locks are taken in one order: the rewards that have a stock, in id order, then the member. A redemption is changed by
whoever holds its member's lock.
"""

from loyalty.operations.redemptions.closing import cancel, fail, find, fulfil, releases
from loyalty.operations.redemptions.offering import check
from loyalty.operations.redemptions.refusals import InvalidQuantity, RewardUnavailable
from loyalty.operations.redemptions.requesting import (
    asked_before,
    hold,
    holding,
    redeem,
    redeemed,
    redeeming,
    same_request,
    tell_codes,
)
from loyalty.operations.redemptions.stale import HOLD_EXPIRED, release_stale
from loyalty.operations.redemptions.writing import Closing, Written, write_closed, write_new

__all__ = [
    "HOLD_EXPIRED",
    "Closing",
    "InvalidQuantity",
    "RewardUnavailable",
    "Written",
    "asked_before",
    "cancel",
    "check",
    "fail",
    "find",
    "fulfil",
    "hold",
    "holding",
    "redeem",
    "redeemed",
    "redeeming",
    "release_stale",
    "releases",
    "same_request",
    "tell_codes",
    "write_closed",
    "write_new",
]
