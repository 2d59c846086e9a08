"""Links to pages of other apps, and what a card shows to a scanner. Made of names, so that no app need know another."""

from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from loyalty.models import Member
from loyalty_site import opaque

# Pages of a member's hub, which the storefront serves below its own host.
REWARDS = "/account/loyalty#rewards"
REFERRALS = "/account/loyalty/referrals"

WALLETS = ("apple", "google")
_CARD = "card token"


def picture(picture_id: UUID) -> str:
    """Where a reward's picture is, on this host."""
    return reverse("reward-picture", args=[picture_id])


def invitation(merchant_slug: str, code: str) -> str:
    """Where somebody who was invited becomes a member. Without PUBLIC_URL it has no host."""
    return joining(merchant_slug, settings.PUBLIC_URL, code)


def joining(merchant_slug: str, base: str, code: str = "") -> str:
    """Where somebody becomes a member, with an invitation's code or without. `base` has no slash at its end."""
    page = base + reverse("join", args=[merchant_slug])
    return f"{page}?ref={quote(code)}" if code else page


def qr_payload(member: Member) -> str:
    """What the card's QR code says, and what a till's scanner types: the card number."""
    return member.card_number


def wallets(member: Member, base: str) -> dict[str, str]:
    """Where the card is added to a phone; a new card number does not change it. `base` has no slash at its end."""
    token = card_token(member.pk)
    return {name: f"{base}/w/{token}/{name}" for name in WALLETS}


def card_token(member_id: UUID) -> str:
    """An opaque text that stands for the card in links; it cannot be guessed."""
    return opaque.token(member_id, purpose=_CARD)


def member_id_in(token: str) -> UUID | None:
    """The id of the member that the token stands for; None for a text that is no token of ours."""
    return opaque.id_in(token, purpose=_CARD)
