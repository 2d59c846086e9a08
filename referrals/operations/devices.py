"""With which device, address and browser a member was seen: kept as keyed hashes, for 90 days."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from loyalty.models import Member
from loyalty_site.ids import new_id
from referrals.models import DeviceKind, DeviceTrace

KEPT = timedelta(days=90)
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a page knows of who asks. Empty texts are unknown.

    `device` is an identifier of the device, or the value of a cookie that stays in the browser.
    """

    device: str = ""
    address: str = ""
    user_agent: str = ""

    def digests(self, merchant_id: UUID) -> dict[DeviceKind, bytes]:
        """The keyed hashes that are kept of it; another merchant's are others."""
        found = {DeviceKind.DEVICE: self.device, DeviceKind.ADDRESS: self.address}
        if self.address and self.user_agent:
            found[DeviceKind.BROWSER] = f"{self.address}\n{self.user_agent}"
        return {kind: _digest(merchant_id, kind, text) for kind, text in found.items() if text}


def _digest(merchant_id: UUID, kind: str, text: str) -> bytes:
    # BLAKE2b as RFC 7693 keys it; the key follows SECRET_KEY: with another one nobody is recognized, and nothing lost.
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"referral device").digest()
    said = merchant_id.bytes + kind.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, key=key, digest_size=32).digest()


def note(*, member: Member, footprint: Footprint, at: datetime) -> None:
    """Remember that the member was seen with these; for pages that members themselves open, not for back ends."""
    digests = footprint.digests(member.merchant_id)
    if not digests:
        return
    rows: list[list[Any]] = [
        [new_id(), member.merchant_id, member.pk, kind, digest, at] for kind, digest in digests.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO loyalty_referral_devices AS d (id, merchant_id, member_id, kind, digest, seen_at) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(rows))
            + " ON CONFLICT (member_id, kind, digest) DO UPDATE SET seen_at = greatest(d.seen_at, EXCLUDED.seen_at)",
            [value for row in rows for value in row],
        )


def forget_old(*, at: datetime, chunk: int = CHUNK) -> int:
    """Delete what was last seen 90 days ago or longer, chunk by chunk; returns how many rows."""
    deleted = 0
    while True:
        old = DeviceTrace.objects.filter(seen_at__lte=at - KEPT).order_by("seen_at").values("pk")[:chunk]
        count, _ = DeviceTrace.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        deleted += count
        if count < chunk:
            return deleted
