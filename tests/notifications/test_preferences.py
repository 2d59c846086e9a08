"""How a member wants to hear from the merchant."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.operations import anonymization
from loyalty_site.ids import new_id
from notifications.models import Preference, Withdrawal
from tests.callers import operator_of, signed_in
from tests.tills import problem

UNTOUCHED = {
    "channels": {"email": True, "sms": True, "push": True},
    "kinds": {"transactional": True, "marketingMessages": False},
    "language": None,
    "quietHours": None,
    "phone": "+352621123456",
    "pushToken": None,
}


def test_without_a_choice_every_channel_is_open_and_marketing_is_off(me):
    assert me.get("preferences").json() == UNTOUCHED
    assert not Preference.objects.exists()


def test_everything_can_be_chosen_and_is_read_back(me, ana):
    chosen = {
        "channels": {"email": False, "sms": True, "push": False},
        "kinds": {"transactional": True, "marketingMessages": True},
        "language": "de",
        "quietHours": {"from": "21:00", "until": "08:30", "timeZone": "Europe/Luxembourg"},
        "phone": "+352621999888",
        "pushToken": "token-1",
    }

    response = me.put("preferences", chosen)

    assert response.status_code == 200, response.content
    assert response.json() == me.get("preferences").json() == chosen
    ana.customer.refresh_from_db()
    assert (ana.customer.locale, str(ana.customer.phone_number)) == ("de", "+352621999888")
    assert (ana.customer.push_token, ana.customer.time_zone) == ("token-1", "Europe/Luxembourg")


def test_what_is_left_out_stays_and_null_takes_away(me):
    me.put(
        "preferences", {"channels": {"sms": False}, "language": "fr", "quietHours": {"from": "22:00", "until": "07:00"}}
    )

    kept = me.put("preferences", {"channels": {"push": False}}).json()
    gone = me.put("preferences", {"language": None, "quietHours": None, "phone": None}).json()

    assert kept["channels"] == {"email": True, "sms": False, "push": False}
    assert (kept["language"], kept["quietHours"]["from"]) == ("fr", "22:00")
    assert kept["quietHours"]["timeZone"] == "UTC"
    assert (gone["language"], gone["quietHours"], gone["phone"]) == (None, None, None)
    assert gone["channels"] == kept["channels"]
    assert me.put("preferences", {}).json() == gone


def test_consent_is_kept_with_its_time_and_source(me, ana):
    before = timezone.now()
    me.put("preferences", {"kinds": {"marketingMessages": True}})
    ana.customer.refresh_from_db()
    given = ana.customer.marketing_consent_at

    assert ana.customer.marketing_consent
    assert (given >= before, ana.customer.marketing_consent_source) == (True, "preferences")
    me.put("preferences", {"kinds": {"marketingMessages": True}})
    me.put("preferences", {"kinds": {"marketingMessages": False}})
    ana.customer.refresh_from_db()
    assert (ana.customer.marketing_consent, ana.customer.marketing_consent_at) == (False, given)
    withdrawn = Withdrawal.objects.get()
    assert (withdrawn.customer_id, withdrawn.source, withdrawn.at > given) == (ana.customer_id, "preferences", True)


def test_a_phone_number_is_one_customers(me, cafe):
    other = signed_in(cafe, new_id())

    response = other.put("preferences", {"phone": "+352 621 12 34 56", "language": "fr"})

    problem(response, 409, "phone_in_use")
    assert other.get("preferences").json()["language"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channels": {"fax": True}}, "channels"),
        ({"channels": {"sms": "yes"}}, "channels"),
        ({"channels": None}, "channels"),
        ({"kinds": {"transactional": False}}, "kinds"),
        ({"language": "klingon"}, "language"),
        ({"language": ""}, "language"),
        ({"quietHours": {"from": "25:00", "until": "08:00"}}, "quietHours"),
        ({"quietHours": {"from": "21:00"}}, "quietHours"),
        ({"quietHours": {"from": "21:00", "until": "08:00", "timeZone": "Mars"}}, "quietHours"),
        ({"phone": "12"}, "phone"),
        ({"pushToken": "x" * 2001}, "pushToken"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_nonsense_is_refused_with_the_field(me, body, field):
    response = me.put("preferences", body)

    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["attr"].split(".")[0] == field
    assert not Preference.objects.exists()


def test_hours_that_do_not_end_are_none(me):
    problem(me.put("preferences", {"quietHours": {"from": "08:00", "until": "08:00"}}), 422, "quiet_hours_invalid")


def test_operators_choose_for_nobody(cafe):
    problem(operator_of(cafe).get("preferences"), 403, "wrong_scope")


def test_the_choice_is_forgotten_with_the_person(me, ana):
    me.put("preferences", {"channels": {"sms": False}})

    anonymization.anonymize(member=ana, at=timezone.now())

    assert not Preference.objects.exists()


def test_a_change_is_few_queries(me):
    with CaptureQueriesContext(connection) as queries:
        me.put("preferences", {"channels": {"sms": False}, "language": "lb"})

    sent = [each["sql"] for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) <= 6, sent


def test_a_browser_is_told_from_an_app_by_its_subscription(me):
    # Of RFC 8291, 5.
    p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    keys = {"p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}
    subscription = json.dumps({"endpoint": "https://push.example/" + "x" * 600, "keys": keys})

    assert me.put("preferences", {"pushToken": subscription}).json()["pushToken"] == subscription


@pytest.mark.parametrize(
    "token", ["{", "{}", '{"endpoint": "https://127.0.0.1/", "keys": {"p256dh": "x", "auth": "y"}}', "x" * 2001]
)
def test_what_is_no_token_is_refused_in_words(me, token):
    answer = me.put("preferences", {"pushToken": token})

    assert answer.status_code == 400
    assert me.get("preferences").json()["pushToken"] is None
