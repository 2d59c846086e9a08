"""Stand-ins for what is outside, for the tests of messages and webhooks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from loyalty_site.outbox import relay
from loyalty_site.tenants.models import Merchant
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.webhooks import endpoints, sending
from tests.standins import Heard, StandIn


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    """Start servers that are closed after the test."""
    started: list[StandIn] = []

    def start(**options: Any) -> StandIn:
        started.append(StandIn(**options))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def own_network(settings: Any) -> None:
    """Addresses of this machine may be called, by plain HTTP."""
    settings.OUTBOUND_ALLOW_PRIVATE = True


@pytest.fixture
def receiver(stand_in: Callable[..., StandIn], own_network: None) -> StandIn:
    """Where the café hears of events."""
    return stand_in()


@pytest.fixture
def listening(cafe: Merchant, receiver: StandIn) -> tuple[WebhookEndpoint, str]:
    """The café's endpoint at the receiver, for all events, and its secret."""
    return endpoints.create(merchant=cafe, label="shop", url=f"{receiver.url}/hooks", at=timezone.now())


@pytest.fixture
def endpoint(listening: tuple[WebhookEndpoint, str]) -> WebhookEndpoint:
    return listening[0]


@pytest.fixture
def waiting(endpoint: WebhookEndpoint, buy: Any) -> WebhookDelivery:
    """One event on its way."""
    buy()
    relay()
    WebhookDelivery.objects.exclude(kind="loyalty.points_earned").delete()
    return the_delivery()


def the_delivery() -> WebhookDelivery:
    """The only one there is."""
    return WebhookDelivery.objects.get()


def verified(secret: str, heard: Heard) -> Any:
    """The payload, as the receiver's own library reads it."""
    return Webhook(secret).verify(heard.body, heard.headers)


def waits_are_over() -> None:
    """Every wait for another attempt is over."""
    WebhookDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())


def send(**options: Any) -> sending.Sent:
    """One turn of the sender."""
    return sending.send(**options)
