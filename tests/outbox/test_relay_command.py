import json

from loyalty_site.outbox.models import OutboxEvent
from tests.outbox.happenings import publish


def test_the_command_delivers_and_says_so(own_database, manage):
    publish(1, 2)

    done = manage("relay_outbox", "--once", "--format", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == 2


def test_the_command_requeues_what_was_parked(own_database, manage):
    publish(1)
    OutboxEvent.objects.update(status="parked", attempts=5, error="no")

    done = manage("relay_outbox", "--requeue-parked", "--format", "json")

    report = json.loads(done.stdout)
    assert (report["requeued"], report["done"], report["parked in all"]) == (1, 1, 0)


def test_a_wrong_option_is_exit_code_2(own_database, manage):
    assert manage("relay_outbox", "--no-such-option").returncode == 2
