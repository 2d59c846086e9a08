"""What customers of the online shops mean to do today: intents that their checkouts have sent."""

from datetime import timedelta
from typing import Any

from loyalty.models import Member
from loyalty.operations import checkout
from loyalty.operations.checkout import Asked
from loyalty_site.console.demo.merchants import House
from loyalty_site.console.demo.people import Clock

SHOPPERS = 9


def leave(house: House, clock: Clock) -> None:
    """Intents of some members who came lately: rewards on their way, codes to share, one thought better of.

    Each is known by its id, so that a start that was broken off leaves them once.
    """
    lately = Member.objects.filter(
        program=house.program, is_active=True, last_activity_at__gt=clock.now - timedelta(days=10)
    )
    members = lately.select_related("customer").order_by("-lifetime_points", "card_number")[:SHOPPERS]
    cheapest = house.rewards[0]
    for number, member in enumerate(members):
        at = clock.now - timedelta(minutes=(SHOPPERS - number) * 7)
        order = f"{house.plan.prefix}-WEB-{number + 1:03}"
        who: dict[str, Any] = {
            "merchant": house.merchant,
            "user_id": member.customer.user_id,
            "order_id": order,
            "at": at,
        }
        wanted = Asked(
            client_id=f"{order}-reward", kind="redemption", created_at=at, reward_slug=cheapest.slug, channel="web"
        )
        shared = Asked(
            client_id=f"{order}-share", kind="referral_share", created_at=at, channel=("email", "whatsapp")[number % 2]
        )
        checkout.confirm(intents=[shared] if number % 3 == 2 else [wanted, shared], **who)
        if number % 4 == 1:
            checkout.cancel(intents=[wanted], **who)
