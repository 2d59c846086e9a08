"""Links to pages of other apps, and what a card shows to a scanner. Made of names, so that no app need know another."""

import base64
import binascii
import hmac
from hashlib import sha256
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from loyalty.models import Member

# Pages of a member's hub, which the storefront serves below its own host.
REWARDS = "/account/loyalty#rewards"
REFERRALS = "/account/loyalty/referrals"

WALLETS = ("apple", "google")
_MAC = 12


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
    return base64.urlsafe_b64encode(member_id.bytes + _mac(member_id.bytes, settings.SECRET_KEY)).decode()


def member_id_in(token: str) -> UUID | None:
    """The id of the member that the token stands for; None for a text that is no token of ours."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _MAC:
        return None
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(raw[16:], _mac(raw[:16], key)):
            return UUID(bytes=raw[:16])
    return None


def _mac(member_id: bytes, key: str) -> bytes:
    return hmac.new(b"regulars card token" + key.encode(), member_id, sha256).digest()[:_MAC]
