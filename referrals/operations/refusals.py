"""Why an invite is not made, or does not count."""

from loyalty_site.refusals import NotFound, Refusal


class ReferralsPaused(Refusal):
    """The merchant has stopped new invites. `facts`: retry_after, seconds."""

    code = "referrals_paused"
    status = 429
    sentence = "New invites are paused at the moment."


class InviteQuota(Refusal):
    """As many invites are open as a member may have. `facts`: retry_after, seconds."""

    code = "invite_quota"
    status = 429
    sentence = "You have as many open invites as you can have at once."


class InviteCooldown(Refusal):
    """The last invite was a moment ago. `facts`: retry_after, seconds."""

    code = "invite_cooldown"
    status = 429
    sentence = "Wait a little before the next invite."


class InvalidInvite(Refusal):
    """An e-mail address or points that are none. `facts`: field."""

    code = "invalid_invite"
    status = 422
    sentence = "The e-mail address is not valid."


class UnknownCode(NotFound):
    """The merchant has no invite and no member with this code."""

    code = "unknown_code"
    sentence = "This referral code is unknown."


class InviteCancelled(Refusal):
    """The invite was cancelled."""

    code = "invite_cancelled"
    sentence = "This invite was cancelled."


class InviteExpired(Refusal):
    """The invite's time is over."""

    code = "invite_expired"
    sentence = "This invite has expired."


class InviteTaken(Refusal):
    """Somebody else has come with this invite."""

    code = "invite_taken"
    sentence = "This invite was used by somebody else."


class OwnCode(Refusal):
    """Nobody invites themselves."""

    code = "own_code"
    sentence = "This is the member's own code."


class SamePerson(Refusal):
    """Inviter and invitee share an e-mail address, as the provider reads it, or a phone number."""

    code = "same_person"
    sentence = "Inviter and invitee seem to be the same person."


class AlreadyReferred(Refusal):
    """The invitee came with another invite."""

    code = "already_referred"
    sentence = "This customer was invited before."


class MemberBefore(Refusal):
    """The invitee was a member before they were invited."""

    code = "member_before_invite"
    sentence = "This customer was a member before the invite."


class OrderTooSmall(Refusal):
    """The order is smaller than the program asks for."""

    code = "order_too_small"
    sentence = "The order is too small for the invite to count."


class ReviewDecided(Refusal):
    """Somebody has rejected it before: what was taken back is not given again."""

    code = "review_decided"
    sentence = "This was rejected before."


class ReasonMissing(Refusal):
    """A decision says why."""

    code = "reason_required"
    status = 422
    sentence = "Give the reason."
