"""Sending staff the text they wrote, as a member would get it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from loyalty_site.tenants.models import Merchant, User
from notifications.catalogue import CODES
from notifications.models import Channel, Kind
from notifications.operations.queueing import NewMessage, queue


@transaction.atomic(savepoint=False)
def send_test(
    *, merchant: Merchant, store_id: UUID | None, code: str, locale: str, user: User, key: str, at: datetime
) -> bool:
    """Queue an e-mail to the user's own address, of the text in force there, with made-up values; False: sent before.

    It asks for no consent, since nobody is won by it.
    """
    samples = CODES[code].samples(locale) | {"merchant.name": merchant.name}
    message = NewMessage(
        merchant_id=merchant.pk,
        code=code,
        key=f"test:{key}",
        channels=[Channel.EMAIL],
        kind=Kind.TRANSACTIONAL,
        recipient=user.email,
        locale=locale,
        variables=samples,
        store_id=store_id,
    )
    return queue([message], at=at) == 1
