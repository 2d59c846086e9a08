"""Why a redemption is not granted."""

from loyalty_site.refusals import Refusal


class InvalidQuantity(Refusal):
    """A redemption is of one piece at least, and not absurdly many."""

    code = "invalid_quantity"
    status = 422
    sentence = "The quantity must be a whole number, from 1 to 1,000."


class RewardUnavailable(Refusal):
    """The reward is not given, not any more, or not to this member. `facts`: why."""

    code = "reward_unavailable"
    sentence = "This reward is not available."
