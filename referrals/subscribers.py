"""What this app hears of. It changes invites alone; crediting is the settling job's, a transaction each."""

from uuid import UUID

from loyalty_site.outbox import PublishedEvent, subscribe
from referrals.operations import qualifying


@subscribe("loyalty.member_enrolled")
def convert_on_enrolment(events: list[PublishedEvent]) -> None:
    """Somebody who came with a code has enrolled."""
    qualifying.enrolled([UUID(event.facts["member_id"]) for event in events])


@subscribe("loyalty.points_earned")
def convert_on_first_order(events: list[PublishedEvent]) -> None:
    """Somebody who came with a code may have ordered for the first time."""
    qualifying.ordered([UUID(event.facts["entry_id"]) for event in events])


@subscribe("loyalty.points_refunded", "loyalty.entry_undone")
def cancel_on_return(events: list[PublishedEvent]) -> None:
    """The order that made an invite count may have been returned."""
    qualifying.returned([UUID(event.facts["entry_id"]) for event in events])
