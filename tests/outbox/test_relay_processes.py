"""What holds of relays that share, hang and are killed."""

import signal

from loyalty_site import outbox
from loyalty_site.outbox import claims
from loyalty_site.outbox.models import OutboxEvent
from tests.outbox.happenings import note, publish


def test_nothing_is_lost_when_a_relay_is_killed_in_the_middle(heard, subscribed, start, time_passes):
    publish(*range(10))
    relay = start("hang_in_the_middle")
    assert relay.stdout.readline() == "stuck\n"
    relay.kill()
    relay.wait()
    subscribed("tests.happened", lambda events: note("café", events))

    assert outbox.relay().done == 0, "the dead relay's claim still holds"
    time_passes()
    assert outbox.relay().done == 10

    assert heard.by("café") == list(range(10))


def test_an_event_that_kills_its_worker_is_parked_alone(heard, start, time_passes):
    publish(*range(30))

    deaths = 0
    while start("die_of_thirteen").wait(60) == -signal.SIGKILL:
        deaths += 1
        assert deaths <= claims.max_attempts()
        time_passes()

    parked = OutboxEvent.objects.get(status="parked")
    assert (deaths, parked.facts["number"]) == (claims.max_attempts(), 13)
    assert "ended while delivering" in parked.error
    assert heard.by("café") == [number for number in range(30) if number != 13]
    assert not OutboxEvent.objects.filter(status="pending").exists()


def test_two_relays_share_the_work_and_deliver_nothing_twice(heard, start):
    publish(*range(3000))
    relays = [start("share"), start("share")]
    assert [relay.stdout.readline() for relay in relays] == ["ready\n"] * 2

    for relay in relays:
        relay.stdin.write("go\n")
        relay.stdin.flush()
    done = [int(relay.communicate(timeout=120)[0]) for relay in relays]

    assert sum(done) == 3000
    assert min(done) > 0
    assert heard.by("café") == list(range(3000))
