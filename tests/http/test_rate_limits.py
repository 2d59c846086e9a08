"""Limits: so many calls a store and minute, however many tills, processes and machines."""

import pytest

from loyalty_site.http import credentials
from loyalty_site.http.jobs import purge
from loyalty_site.http.models import RateLimitedHour, RateWindow
from loyalty_site.jobs.models import Run
from tests.tills import Till, problem


@pytest.fixture
def three_a_minute(settings):
    settings.RATE_LIMIT_STORE = 3


def test_every_answer_says_what_is_left(till, card):
    left = [
        int(response["RateLimit-Remaining"])
        for response in (
            till.get(card),
            till.get("cards/nobody"),
            till.client.put("/api/v1/store/loyalty/cards"),
            till.send("cards", "{"),
            till.client.get("/api/v1/store/loyalty/program", headers={"Accept": "text/html"}),
        )
    ]

    assert left == [599, 598, 597, 596, 595]
    response = till.get(card)
    assert response["RateLimit-Limit"] == "600"
    assert 1 <= int(response["RateLimit-Reset"]) <= 60


def test_more_than_the_limit_is_refused_and_counted_for_the_hour(till, card, three_a_minute):
    answers = [till.get(card) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    problem(answers[-1], 429, "rate_limited")
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert (answers[-1]["RateLimit-Limit"], answers[-1]["RateLimit-Remaining"]) == ("3", "0")
    [hour] = RateLimitedHour.objects.all()
    assert (hour.subject, hour.calls) == (f"store:{till.store.pk}", 2)


def test_the_tills_of_a_store_share_its_limit(till, card, three_a_minute):
    other = Till(till.store)

    answers = [each.get(card).status_code for each in (till, other, till, other)]

    assert answers == [200, 200, 200, 429]


def test_another_merchants_store_has_a_limit_of_its_own(till, card, bookshop_till, three_a_minute):
    for _ in range(4):
        till.get(card)

    assert bookshop_till.get("program").status_code == 200


def test_a_refused_change_is_not_made(till, card, three_a_minute):
    answers = [till.post(f"{card}/stamps", {}) for _ in range(4)]

    assert answers[-1].status_code == 429
    assert till.store.merchant.members.get().stamp_count == 3


def test_past_minutes_are_purged(till, card):
    till.get(card)
    RateWindow.objects.update(begins_at="2020-01-01T00:00Z")

    purge()

    assert Run.objects.get(job="http.purge").counts == {"answers": 0, "windows": 1}
    assert not RateWindow.objects.exists()
    assert credentials.count("x", limit=1).calls == 1
