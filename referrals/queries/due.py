"""What waits for the jobs of referrals."""

from datetime import datetime

from referrals.models import OPEN, Invite, ReferralReview


def due(at: datetime) -> dict[str, int]:
    """How many invites, rewards and reviews the jobs would look at as of `at`."""
    state = Invite.RewardState
    return {
        "invites_to_expire": Invite.objects.filter(status__in=OPEN, expires_at__lte=at).count(),
        "rewards_to_credit": Invite.objects.filter(reward_state=state.PENDING, payable_at__lte=at).count(),
        "rewards_to_take_back": Invite.objects.filter(reward_state=state.REVERSING).count(),
        "reviews_overdue": ReferralReview.objects.filter(status=ReferralReview.Status.OPEN, due_at__lte=at).count(),
    }
