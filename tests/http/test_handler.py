"""What gunicorn calls: calls of the API with a credential go a shorter way, and nobody sees a difference."""

import asyncio
import io
import json
import sys

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import DatabaseError, connection, connections
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, override_settings
from django.urls import get_script_prefix, path

import loyalty_site.urls
from loyalty_site.http.handler import Handler
from loyalty_site.postgres.own import own_connection
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.http.serving import at_once
from tests.tills import STORE, Till

urlpatterns = [
    path("api/stream", lambda request: StreamingHttpResponse(iter([b"one ", b"two"]))),
    path("api/cookie", lambda request: _with_cookie()),
    *loyalty_site.urls.urlpatterns,
]


def _with_cookie():
    answer = HttpResponse("seen")
    answer.set_cookie("seen", "yes")
    return answer


@pytest.fixture
def till(own_database):
    program = make_merchant("cafe")
    return Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))


@pytest.fixture
def told():
    """The signals that a request sent."""
    heard = []

    def listen(signal, **_):
        heard.append("started" if signal is request_started else "finished")

    for signal in (request_started, request_finished):
        signal.connect(listen)
    yield heard
    for signal in (request_started, request_finished):
        signal.disconnect(listen)


def ask(address, method="GET", body=b"", handler=Handler, **headers):
    """Status, headers and body of one call, as gunicorn makes it."""
    begun = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        **headers,
    }
    chunks = handler()(environ, lambda status, headers: begun.append((status, dict(headers))))
    whole = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    [(status, answered)] = begun
    return status, answered, whole


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
@pytest.mark.parametrize("address", [f"{STORE}program", f"{STORE}nothing", "/api/v1/nothing", "/api/%ff"])
def test_the_answer_is_django_s(till, told, method, address):
    for credential in (till.secret, "rk_unknown"):
        given = {"HTTP_X_API_KEY": credential, "HTTP_X_REQUEST_ID": "one"}
        status, headers, body = ask(address, method, **given)
        assert told == []
        django_s = ask(address, method, handler=WSGIHandler, **given)
        told.clear()

        for name in ("RateLimit-Remaining", "RateLimit-Reset"):
            headers.pop(name, None), django_s[1].pop(name, None)
        assert (status, headers, body) == django_s


def test_no_answer_is_without_its_id_not_even_where_the_host_is_none_of_ours(till):
    with override_settings(SECURE_SSL_REDIRECT=True):
        status, headers, _ = ask(f"{STORE}program", HTTP_HOST="elsewhere.example", HTTP_X_API_KEY="rk_unknown")

    assert status == "400 Bad Request"
    assert len(headers["X-Request-Id"]) == 32
    assert headers["Content-Length"] != "0"


def test_a_cookie_that_a_view_sets_arrives(db):
    with override_settings(ROOT_URLCONF=__name__):
        _, headers, _ = ask("/api/cookie", HTTP_X_API_KEY="any")

    assert headers["Set-Cookie"].startswith("seen=yes")


def test_a_call_below_a_path_leaves_nothing_of_it_to_the_next(db):
    ask("/api/v1/nothing", SCRIPT_NAME="/shop")

    assert get_script_prefix() == "/"


def test_a_change_is_made_once(till):
    body = json.dumps({"externalRef": "ana", "firstName": "Ana"}).encode()
    first, again = (
        ask(f"{STORE}cards", "POST", body, HTTP_AUTHORIZATION=f"Api-Key {till.secret}", HTTP_IDEMPOTENCY_KEY="one")
        for _ in range(2)
    )

    assert first[0] == "201 Created"
    assert again[2] == first[2]
    assert again[1]["Idempotent-Replayed"] == "true"


def test_without_a_credential_or_below_a_path_of_its_own_it_is_django_s(own_database, told):
    assert ask("/api/v1/nothing")[0] == "404 Not Found"
    assert told == ["started", "finished"]

    told.clear()
    assert ask("/api/v1/nothing", HTTP_X_API_KEY="rk_unknown", SCRIPT_NAME="/shop")[0] == "404 Not Found"
    assert told == ["started", "finished"]


def test_a_connection_in_which_something_failed_is_given_back(till):
    assert ask(f"{STORE}program", HTTP_X_API_KEY=till.secret)[0] == "200 OK"
    kept = connection.connection
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert ask(f"{STORE}program", HTTP_X_API_KEY=till.secret)[0] == "200 OK"
    assert connection.connection is not kept


def test_what_is_streamed_is_read_to_its_end(db, told):
    with override_settings(ROOT_URLCONF=__name__):
        status, _, body = ask("/api/stream", HTTP_X_API_KEY="any")

    assert (status, body) == ("200 OK", b"one two")
    assert told == ["finished"]


def test_the_language_of_a_page_is_not_that_of_the_call_after_it(till):
    page = Client().get("/join/cafe", headers={"Accept-Language": "de"})
    assert page["Content-Language"] == "de"

    answer = till.post("cards/1/points", {})

    assert "This field is required." in answer.content.decode()


def test_each_thread_has_a_connection_of_its_own_and_keeps_it():
    # In threads: a browser's driver leaves an event loop in the main one.
    pairs = at_once([lambda: (own_connection(), own_connection(), connections["default"])] * 2)

    assert all(first is again is django_s for first, again, django_s in pairs)
    assert pairs[0][0] is not pairs[1][0]


def test_below_an_event_loop_it_is_django_s_of_the_task():
    async def ask():
        return own_connection(), connections["default"]

    [(outside, inside, django_s)] = at_once([lambda: (own_connection(), *asyncio.run(ask()))])

    assert inside is django_s
    assert inside is not outside
