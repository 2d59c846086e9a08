"""Addresses that a merchant does not write to any more."""

from datetime import datetime

from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import User
from notifications.models import Suppression


class AlreadyLifted(Refusal):
    """Somebody else has lifted it."""

    code = "already_lifted"
    sentence = "This address is written to again already."


def lift(*, suppression: Suppression, actor: User, reason: str, at: datetime) -> None:
    """Write to the address again; who says so, when and why stays on record. Raises `AlreadyLifted`."""
    open_ones = Suppression.objects.filter(pk=suppression.pk, lifted_at=None)
    if not open_ones.update(lifted_at=at, lifted_by=actor, lifted_because=reason):
        raise AlreadyLifted
