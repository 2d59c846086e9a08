"""Taking back the consent to marketing messages with a link in one of them (RFC 8058)."""

import base64
import binascii
import hmac
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from loyalty_site.tenants.models import Customer
from notifications import addresses, hashes
from notifications.models import Message, Withdrawal

_MAC = 16
SOURCE = "unsubscribe link"

log = structlog.get_logger("loyalty.notification_service")


def link(message: Message) -> str:
    """The link that ends marketing messages of this merchant to this customer; it holds no address.

    Empty for somebody who is no customer.
    """
    if message.customer_id is None:
        return ""
    return addresses.base() + reverse("unsubscribe", args=[token(message.pk, message.customer_id)])


def token(message_id: UUID, customer_id: UUID) -> str:
    """An opaque text that stands for both, and cannot be guessed. It does not run out: mail is kept for years."""
    raw = message_id.bytes + customer_id.bytes
    return base64.urlsafe_b64encode(raw + _mac(raw, settings.SECRET_KEY)).decode()


def ids_in(text: str) -> tuple[UUID, UUID] | None:
    """The message's and the customer's id in a token; None for a text that is no token of ours."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 32 + _MAC:
        return None
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(raw[32:], _mac(raw[:32], key)):
            return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])
    return None


def customer_of(text: str) -> Customer | None:
    """Whom the token is for; None for a token that is none, and for a person who has been forgotten."""
    ids = ids_in(text)
    if ids is None:
        return None
    return Customer.objects.select_related("merchant").filter(pk=ids[1], anonymized_at=None).first()


@transaction.atomic
def withdraw(*, text: str, at: datetime) -> bool:
    """End marketing messages for whom the token is for, and note when and how. False for a token that is none.

    Once: a link that is followed again, or pre-fetched twice, changes nothing more.
    """
    ids = ids_in(text)
    if ids is None:
        return False
    message_id, customer_id = ids
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id, anonymized_at=None).first()
    if customer is None:
        return False
    if customer.marketing_consent:
        Customer.objects.filter(pk=customer_id).update(marketing_consent=False)
        known = Message.objects.filter(pk=message_id, customer=customer).values_list("pk", flat=True).first()
        Withdrawal.objects.create(
            merchant_id=customer.merchant_id, customer=customer, message_id=known, source=SOURCE, at=at
        )
        log.info("unsubscribed", recipient=hashes.of(customer_id))
    return True


def _mac(raw: bytes, key: str) -> bytes:
    return hmac.new(b"regulars unsubscribe" + key.encode(), raw, sha256).digest()[:_MAC]
