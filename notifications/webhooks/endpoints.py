"""Endpoints: made, rotated, switched on and off, tried out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from loyalty_site.ids import new_id
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant
from notifications import outbound
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.webhooks import payloads, signing, waking

# Both secrets sign for so long after a rotation.
OVERLAP = timedelta(hours=24)


class UnknownKind(Refusal):
    """No event is called that."""

    code = "unknown_event"
    status = 422
    sentence = "There is no such event."


class EndpointIsOff(Refusal):
    """Nothing is posted to an endpoint that is off."""

    code = "endpoint_is_off"
    sentence = "This endpoint is off; switch it on first."


def create(
    *, merchant: Merchant, label: str, url: str, kinds: Sequence[str] = (), at: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, on, and its secret, which is shown now and never again. No kinds: all events.

    Raises `TargetRefused` for an address that is never called, and `UnknownKind`.
    """
    outbound.checked(url)
    refuse_unknown(kinds)
    text, sealed = signing.new_secret()
    endpoint = WebhookEndpoint.objects.create(
        merchant=merchant, label=label, url=url, kinds=sorted(set(kinds)), secret=sealed, created_at=at
    )
    return endpoint, text


def refuse_unknown(kinds: Sequence[str]) -> None:
    """Raise `UnknownKind` where one of them is none."""
    if unknown := sorted(set(kinds) - set(payloads.events())):
        raise UnknownKind(_("There is no such event: %(kinds)s.") % {"kinds": ", ".join(unknown)})


def rotate(*, endpoint: WebhookEndpoint, at: datetime, overlap: timedelta = OVERLAP) -> str:
    """A new secret, shown now and never again; the one of today signs beside it until the overlap is over."""
    text, sealed = signing.new_secret()
    endpoint.previous_secret, endpoint.previous_secret_until = endpoint.secret, at + overlap
    endpoint.secret = sealed
    endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return text


def switch_on(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Post to it again: what waits for another attempt goes out at once; what was given up is for staff to replay."""
    endpoint.is_active, endpoint.disabled_at, endpoint.disabled_reason = True, None, ""
    endpoint.failing_since = None
    endpoint.save(update_fields=["is_active", "disabled_at", "disabled_reason", "failing_since"])
    # After the ninth attempt a wait is a day long: whoever mended their receiver does not mean to wait for that.
    WebhookDelivery.objects.filter(endpoint=endpoint, status="pending", next_attempt_at__gt=at).update(
        next_attempt_at=at
    )
    waking.ring_after_commit()


def switch_off(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Post to it no more. What is waiting waits; what happens from now on is not kept for it."""
    if endpoint.is_active:
        endpoint.is_active, endpoint.disabled_at = False, at
        endpoint.disabled_reason = WebhookEndpoint.Off.STAFF
        endpoint.save(update_fields=["is_active", "disabled_at", "disabled_reason"])


def send_test(*, endpoint: WebhookEndpoint, at: datetime) -> WebhookDelivery:
    """Post a signed event of the kind `webhooks.test`, once: it is not tried again. Raises `EndpointIsOff`."""
    if not endpoint.is_active:
        raise EndpointIsOff
    facts = {"merchant_id": str(endpoint.merchant_id), "endpoint_id": str(endpoint.pk), "occurred_at": at.isoformat()}
    delivery = WebhookDelivery.objects.create(
        merchant_id=endpoint.merchant_id,
        endpoint=endpoint,
        event_id=new_id(),
        kind=payloads.TEST_KIND,
        body=payloads.body(payloads.TEST_KIND, facts),
        next_attempt_at=at,
        created_at=at,
    )
    waking.ring_after_commit()
    return delivery
