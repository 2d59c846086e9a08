"""Webhook endpoints and their log in the console."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from loyalty_site.tenants.models import Role, StaffRole, Store, User
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.webhooks import endpoints, sending, signing
from tests.cast import NOON
from tests.standins import Reply, StandIn

ENDPOINTS = "/admin/notifications/webhookendpoint/"
LOG = "/admin/notifications/webhookdelivery/"


@pytest.fixture
def staff(cafe):
    def sign_in(role, merchant=cafe, store=None):
        user = User.objects.create_user(f"{role}.{store}@{merchant and merchant.slug}.example", "a long password")
        StaffRole.objects.create(user=user, merchant=merchant, role=role, store=store)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def receiver(settings):
    settings.OUTBOUND_ALLOW_PRIVATE = True
    receiver = StandIn()
    yield receiver
    receiver.close()


@pytest.fixture
def made(cafe, receiver):
    return endpoints.create(merchant=cafe, label="shop", url=receiver.url, at=NOON)


def secrets_on(page):
    return re.findall(r"whsec_[\w+/=]{20,}", page.content.decode())


def do(client, action, *rows, at=ENDPOINTS):
    return client.post(at, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


def test_an_owner_makes_an_endpoint_and_sees_the_secret_once(staff, cafe, receiver):
    owner = staff(Role.OWNER)

    page = owner.post(
        f"{ENDPOINTS}add/",
        {"merchant": cafe.pk, "label": "shop", "url": f"{receiver.url}/x", "kinds": ["loyalty.points_earned"]},
    )

    [secret] = secrets_on(page)
    assert "no-store" in page["Cache-Control"]
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.kinds == ["loyalty.points_earned"]
    assert signing.secrets_of(endpoint, at=timezone.now()) == [secret]
    for path in (ENDPOINTS, f"{ENDPOINTS}{endpoint.pk}/change/", f"{ENDPOINTS}{endpoint.pk}/history/"):
        seen = owner.get(path)
        assert seen.status_code == 200
        assert not secrets_on(seen)


@pytest.mark.parametrize("url", ["http://shop.example/", "https://127.0.0.1/", "https://a@shop.example/", "x", ""])
def test_an_address_that_is_never_called_is_refused_in_words(staff, cafe, url):
    owner = staff(Role.OWNER)
    form = {"merchant": cafe.pk, "label": "shop", "url": url}

    page = owner.post(f"{ENDPOINTS}add/", form)

    assert page.status_code == 200
    assert "url" in page.context["adminform"].form.errors
    assert not WebhookEndpoint.objects.exists()


def test_an_address_can_be_changed_and_the_secret_stays(staff, made, receiver):
    endpoint, secret = made

    staff(Role.MANAGER).post(
        f"{ENDPOINTS}{endpoint.pk}/change/", {"label": "till", "url": f"{receiver.url}/new", "kinds": []}
    )

    endpoint.refresh_from_db()
    assert (endpoint.label, endpoint.url) == ("till", f"{receiver.url}/new")
    assert signing.secrets_of(endpoint, at=NOON) == [secret]


def test_a_rotation_shows_the_new_secret_and_both_sign(staff, made, receiver):
    endpoint, old = made

    [new] = secrets_on(do(staff(Role.MANAGER), "rotate", endpoint))
    endpoint.refresh_from_db()
    endpoints.send_test(endpoint=endpoint, at=timezone.now())
    sending.send()

    [heard] = receiver.heard
    for secret in (old, new):
        assert Webhook(secret).verify(heard.body, heard.headers)["type"] == "webhooks.test"


def test_a_test_event_is_sent_and_stands_in_the_log(staff, made, receiver):
    client = staff(Role.MANAGER)

    page = do(client, "send_test", made[0])
    sending.send()

    assert "on its way" in page.content.decode()
    assert len(receiver.heard) == 1
    delivery = WebhookDelivery.objects.get()
    assert "webhooks.test" in client.get(LOG).content.decode()
    shown = client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert str(delivery.event_id) in shown
    assert "endpoint_id" in shown


def test_one_that_is_off_says_why_is_not_tested_and_can_be_switched_on(staff, made, receiver):
    client, endpoint = staff(Role.OWNER), made[0]
    receiver.replies = [Reply(410)]
    do(client, "send_test", endpoint)
    sending.send()

    assert "410" in client.get(ENDPOINTS).content.decode()
    do(client, "send_test", endpoint)
    assert WebhookDelivery.objects.count() == 1

    do(client, "switch_on", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.is_active
    do(client, "switch_off", endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "staff")


def test_several_are_sent_again_at_once(staff, made, receiver):
    client, endpoint = staff(Role.MANAGER), made[0]
    rows = [endpoints.send_test(endpoint=endpoint, at=NOON) for _ in range(3)]
    sending.send()

    page = do(client, "send_again", *rows, at=LOG)
    sending.send()

    assert "3 deliveries go again" in page.content.decode()
    ids = [heard.headers["webhook-id"] for heard in receiver.heard]
    assert len(ids) == 6
    assert set(ids[:3]) == set(ids[3:])


def test_the_log_is_searched_by_id_and_filtered(staff, made):
    client, endpoint = staff(Role.MANAGER), made[0]
    first, second = (endpoints.send_test(endpoint=endpoint, at=NOON) for _ in range(2))

    found = client.get(LOG, {"q": str(first.event_id)}).content.decode()
    assert str(first.pk) in found
    assert str(second.pk) not in found
    for query in ({"q": "nobody"}, {"kind": "loyalty.points_earned"}, {"status__exact": "failed"}):
        page = client.get(LOG, query, follow=True)
        assert page.status_code == 200
        assert str(first.pk) not in page.content.decode(), query
    assert client.get(LOG, {"q": "x\x00"}).status_code == 200


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST])
def test_cashiers_and_analysts_have_no_webhooks(staff, made, role):
    client = staff(role)

    for path in (ENDPOINTS, LOG, f"{ENDPOINTS}{made[0].pk}/change/"):
        assert client.get(path).status_code in (403, 404)
    do(client, "switch_off", made[0])
    made[0].refresh_from_db()
    assert made[0].is_active


def test_a_manager_of_one_store_has_none_either(staff, made, cafe):
    store = Store.objects.create(merchant=cafe, reference="one", name="One")

    assert staff(Role.MANAGER, store=store).get(ENDPOINTS).status_code == 403


def test_another_merchants_endpoints_and_log_are_not_there(staff, made, bookshop, receiver):
    delivery = endpoints.send_test(endpoint=made[0], at=NOON)
    stranger = staff(Role.OWNER, bookshop.merchant)

    assert stranger.get(f"{ENDPOINTS}{made[0].pk}/change/").status_code == 404
    assert stranger.get(f"{LOG}{delivery.pk}/change/").status_code == 404
    for action in ("rotate", "switch_off", "send_test"):
        assert not secrets_on(do(stranger, action, made[0]))
    do(stranger, "send_again", delivery, at=LOG)
    made[0].refresh_from_db()
    assert made[0].is_active
    assert made[0].previous_secret == ""
    assert WebhookDelivery.objects.count() == 1


def test_a_log_of_thousands_costs_as_many_queries_as_one_of_ten(staff, made, django_assert_max_num_queries):
    client, endpoint = staff(Role.MANAGER), made[0]
    for number in range(60):
        endpoints.send_test(endpoint=endpoint, at=NOON + timedelta(seconds=number))
    client.get(LOG)

    with django_assert_max_num_queries(12):
        client.get(LOG)


def test_the_overview_names_endpoints_that_are_off_or_failing(staff, made, receiver, bookshop):
    endpoint = made[0]
    assert "Needs attention" not in staff(Role.OWNER).get("/admin/").content.decode()

    receiver.replies = [Reply(500)]
    endpoints.send_test(endpoint=endpoint, at=NOON)
    sending.send()
    failing = staff(Role.MANAGER).get("/admin/").content.decode()
    assert "Webhooks to shop (Cafe) fail." in failing
    assert f"{ENDPOINTS}{endpoint.pk}/change/" in failing

    receiver.replies = [Reply(410)]
    endpoints.send_test(endpoint=endpoint, at=NOON)
    sending.send()
    assert "Webhooks to shop (Cafe) were switched off." in staff(Role.PLATFORM, None).get("/admin/").content.decode()
    for other in (staff(Role.CASHIER), staff(Role.OWNER, bookshop.merchant)):
        assert "Needs attention" not in other.get("/admin/").content.decode()


def test_one_that_staff_switched_off_needs_nobody(staff, made):
    endpoints.switch_off(endpoint=made[0], at=NOON)

    assert "Needs attention" not in staff(Role.OWNER).get("/admin/").content.decode()
