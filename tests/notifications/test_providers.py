"""Mail by a provider's HTTP API, a real server standing in for it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from notifications import dispatch
from notifications.models import Circuit, Delivery, Message, Suppression
from tests.notifications.test_sending import MINUTE, queue

INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: alice@example.com. "
    "Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
)


class Api:
    """Answers as Postmark does, or as it is told: (status, headers, body), one for each call."""

    def __init__(self):
        self.calls = []
        self.answers = []


@pytest.fixture
def api(settings):
    """A stand-in for Postmark, with e-mail set up to go there."""
    told = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.calls.append((self.headers["X-Postmark-Server-Token"], body))
            fine = {"To": body["To"], "MessageID": "pm-7", "ErrorCode": 0, "Message": "OK"}
            status, headers, answer = told.answers.pop(0) if told.answers else (200, {}, fine)
            text = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(text)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": "token-1",
        "POSTMARK_API_URL": f"http://127.0.0.1:{server.server_port}/",
        "REQUESTS_TIMEOUT": 5,
    }
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def send(at):
    return dispatch.dispatch(clock=lambda: at)


def test_a_mail_goes_by_the_api_with_our_own_name_for_it(alice, noon, api):
    queue(alice, at=noon)

    send(noon)

    [(token, body)] = api.calls
    delivery = Delivery.objects.get()
    assert (token, body["To"], body["Tag"]) == ("token-1", "alice@example.com", "loyalty_points_expired")
    assert body["Metadata"] == {"delivery_id": str(delivery.pk)}
    assert body["HtmlBody"]
    assert body["TextBody"]
    assert (delivery.status, delivery.provider_id) == ("sent", "pm-7")


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [(429, {"Retry-After": "600"}, 10), (503, {}, 1), (500, {"Retry-After": "soon"}, 1)],
)
def test_a_busy_provider_is_asked_again_when_it_says(alice, noon, api, status, headers, wait):
    api.answers.append((status, headers, {"Message": "busy"}))
    queue(alice, at=noon)

    send(noon)

    message = Message.objects.get()
    assert (message.status, message.next_attempt_at) == ("queued", noon + wait * MINUTE)
    assert message.error == f"The provider answers {status}."
    assert not Circuit.objects.filter(failures__gt=0).exists()
    assert send(noon + wait * MINUTE).counts["sent"] == 1


def test_an_address_the_provider_refuses_fails_at_once_and_is_suppressed(alice, noon, api):
    api.answers.append((422, {}, {"ErrorCode": 406, "Message": INACTIVE}))
    queue(alice, at=noon)

    send(noon)

    assert Message.objects.get().status == "failed"
    assert Suppression.objects.get().address == "alice@example.com"


def test_a_message_the_provider_refuses_fails_and_says_why_without_the_address(alice, noon, api):
    api.answers.append((422, {}, {"ErrorCode": 300, "Message": "Bad header for alice@example.com"}))
    queue(alice, at=noon)

    send(noon)

    message = Message.objects.get()
    assert message.status == "failed"
    assert "Bad header for" in message.error
    assert "alice@example.com" not in message.error


def test_a_key_the_provider_does_not_know_opens_the_circuit(alice, noon, api):
    api.answers.append((401, {}, {"ErrorCode": 10, "Message": "No Account"}))
    queue(alice, at=noon)

    report = send(noon)

    assert report.down == ["email"]
    assert Circuit.objects.get().reason == "The provider answers 401."
    assert Message.objects.get().status == "queued"


def test_a_provider_that_is_not_there_opens_the_circuit(alice, noon, api, settings):
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_API_URL": "http://127.0.0.1:1/"}
    queue(alice, at=noon)

    assert send(noon).down == ["email"]
