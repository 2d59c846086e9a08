"""What every door does with a call, whatever it is about."""

import json
import logging

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from loyalty_site.http.models import ApiKey, RateWindow
from tests.tills import STORE, problem


# --- Request ids ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/v1/nothing", f"{STORE}program", "/admin/login/", "/docs"])
def test_a_request_id_is_returned_or_made(till, path):
    for client in (till.client, Client()):
        assert client.get(path, headers={"X-Request-Id": "till-1:42"})["X-Request-Id"] == "till-1:42"
        made = {client.get(path)["X-Request-Id"] for _ in range(2)}
        assert len(made) == 2


@pytest.mark.parametrize("given", ["", "x" * 129, 'a"b', "a b", "é", "a\nb"])
def test_an_id_that_does_not_fit_a_log_line_is_replaced(till, given):
    response = till.client.get(f"{STORE}program", headers={"X-Request-Id": given})

    assert response["X-Request-Id"] != given
    assert len(response["X-Request-Id"]) == 32


def test_the_request_id_stands_in_every_log_line(till, card, caplog):
    with caplog.at_level(logging.INFO):
        till.post(f"{card}/points", {"amount": "1", "orderReference": "1"}, **{"X-Request-Id": "abc-1"})

    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert {line["event"] for line in lines} >= {"earn", "request"}
    assert {line["request_id"] for line in lines} == {"abc-1"}
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["method"]) == (201, "POST")
    assert card not in json.dumps(lines, default=str)


# --- Who is calling -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Api-Key"},
        {"Authorization": "Api-Key rk_nobody"},
        {"Authorization": "Bearer rk_nobody"},
        {"Authorization": "Basic eDp5"},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": "rk_é"},
    ],
)
def test_without_a_good_credential_the_answer_is_401_and_nothing_is_written(db, headers):
    response = Client().get(f"{STORE}program", headers=headers)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Api-Key realm="store"'
    assert response.json()["code"] in ("not_authenticated", "invalid_key")
    assert not RateWindow.objects.exists()


def test_nobody_costs_no_query(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        Client().post(f"{STORE}cards", {}, content_type="application/json")


def test_a_key_may_come_in_either_header(till):
    client = Client()

    assert client.get(f"{STORE}program", headers={"X-API-Key": till.secret}).status_code == 200
    assert client.get(f"{STORE}program", headers={"Authorization": f"api-key {till.secret}"}).status_code == 200


# --- What is not there, not so, not now -----------------------------------------------------------------------
def test_an_unknown_address_is_a_problem(till):
    for client in (till.client, Client()):
        for path in (
            "/api/",
            "/api/v1/store/loyalty/",
            "/api/v1/store/loyalty/cards/",
            "/api/v2/x",
            f"{STORE}program/",
        ):
            problem(client.get(path), 404, "not_found")
            problem(client.post(path, {}, content_type="application/json"), 404, "not_found")


def test_a_wrong_method_says_which_are_right(till):
    for method in ("put", "patch", "delete"):
        response = getattr(till.client, method)(f"{STORE}cards")
        assert problem(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, POST, HEAD"
    response = till.client.options(f"{STORE}program")
    problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/xml", 406),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/*", 200),
        ("application/problem+json", 200),
    ],
)
def test_json_is_all_there_is(till, accept, status):
    response = till.client.get(f"{STORE}program", headers={"Accept": accept})

    assert response.status_code == status
    if status == 406:
        problem(response, 406, "not_acceptable")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_json_is_all_that_is_taken(till, content_type):
    response = till.client.generic("POST", f"{STORE}cards", b'{"externalRef": "x"}', content_type=content_type)

    problem(response, 415, "unsupported_media_type")


def test_a_body_too_large_is_refused(till):
    body = '{"externalRef": "' + "x" * 10_000_000 + '"}'

    problem(till.send("cards", body), 413, "request_too_large")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        "1",
        "nul",
        '{"externalRef": NaN}',
        '{"externalRef": Infinity}',
        '{"externalRef": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"externalRef": "\\u0000"}',
        '{"externalRef": "x", "externalRef": "y"}',
        '{"externalRef": ' + "[" * 50 + "]" * 50 + "}",
        "[" * 100_000,
        '{"externalRef": ' + "1" * 5000 + "}",
        b"\xff\xfe{}",
        b'{"externalRef": "\x01"}',
    ],
)
def test_what_is_no_json_object_is_malformed(till, text):
    response = till.send("cards", text)

    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_a_body_in_chunks_is_refused_and_not_ignored(till):
    response = till.client.generic(
        "POST", f"{STORE}cards", b"", content_type="application/json", HTTP_TRANSFER_ENCODING="chunked"
    )

    problem(response, 400, "length_required")


def test_several_errors_are_named_each_with_its_field(till, card):
    body = problem(till.post(f"{card}/points", {"amount": "x", "colour": 1, "shape": 2}), 400, "invalid_request")

    assert {error["attr"] for error in body["errors"]} == {"colour", "shape"}
    body = problem(till.post(f"{card}/points", {"amount": "x"}), 400, "invalid_request")
    assert {(error["attr"], error["code"]) for error in body["errors"]} == {
        ("amount", "invalid"),
        ("orderReference", "required"),
    }


def test_where_we_fail_the_answer_tells_nothing_but_the_request_id(till, card, caplog):
    def fail(execute, sql, params, many, context):
        if "http_admit_key" in sql:
            return execute(sql, params, many, context)
        raise DatabaseError("the password is hunter2")

    with connection.execute_wrapper(fail), caplog.at_level(logging.ERROR):
        response = till.get(card)

    body = problem(response, 500, "server_error")
    assert "hunter2" not in json.dumps(body)
    assert "hunter2" in caplog.text


def test_an_answer_is_not_kept_by_caches_and_is_what_it_says(till, card):
    response = till.get(card)

    assert response["Cache-Control"] == "no-store"
    assert "Authorization" in response["Vary"]
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert int(response["Content-Length"]) == len(response.content)


def test_a_key_is_not_in_any_answer_or_log(till, card, caplog):
    with caplog.at_level(logging.DEBUG):
        responses = [till.get(card), till.post("cards", "x"), till.get("nothing")]

    assert till.secret not in caplog.text
    assert all(till.secret not in response.content.decode() for response in responses)
    assert till.secret.encode() not in bytes(ApiKey.objects.get().digest)
