"""Sending a message once more, because a member of staff says so."""

from datetime import datetime

from loyalty_site.refusals import Refusal
from notifications.models import Message
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage


class CannotResend(Refusal):
    """The message's facts are gone, or it has not ended yet."""

    code = "cannot_resend"
    sentence = "This message cannot be sent again."


def resend(*, message: Message, key: str, channel: str, at: datetime) -> bool:
    """Queue the message anew, on this channel. `key` is the form's: the same form again queues nothing, and is False.

    Consent, preferences and suppressed addresses hold for it as for any other. Raises `CannotResend`.
    """
    if message.status in Message.WAITING:
        raise CannotResend("It is still waiting to be sent.")
    if message.customer is None and not message.recipient:
        raise CannotResend("Whom it went to has been forgotten.")
    if message.customer is not None and message.customer.anonymized_at is not None:
        raise CannotResend("The person has been forgotten.")
    again = NewMessage(
        merchant_id=message.merchant_id,
        member_id=message.member_id,
        customer_id=message.customer_id,
        recipient=message.recipient,
        store_id=message.store_id,
        # Told among the attempts of its nudge, and not sent once that is over.
        nudge_id=message.nudge_id,
        code=message.code,
        kind=message.kind,
        channels=[channel],
        locale=message.locale,
        variables=message.variables,
        key=f"again:{message.pk}:{key}",
    )
    return queueing.queue([again], at=at) == 1
