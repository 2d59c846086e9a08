"""The pages of webhooks say what is true."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from notifications.webhooks import payloads, schedule, signing
from tests.notifications import webhook_events
from tests.server import ROOT

GUIDE = (ROOT / "docs" / "webhooks.md").read_text()


def test_the_page_of_events_is_that_of_their_classes():
    assert webhook_events.PAGE.read_text() == webhook_events.page(), (
        "run `python -m tests.notifications.webhook_events` and commit the page"
    )


def test_no_example_holds_a_fact_about_a_person():
    for text in re.findall(r"```json\n(.*?)```", webhook_events.PAGE.read_text(), re.DOTALL):
        assert not [name for name in json.loads(text)["data"] if payloads.is_personal(name)]


@pytest.fixture
def signed():
    """A secret, headers and a body."""
    secret, _ = signing.new_secret()
    body = '{"type":"loyalty.points_earned","data":{"note":"Tée"}}'.encode()
    return secret, signing.headers([secret], webhook_id=uuid4(), body=body, at=datetime.now(UTC)), body


def spoilt(headers):
    """The same request, changed in one place each."""
    old = str(int(time.time()) - 3600)
    yield {**headers, "webhook-id": str(uuid4())}
    yield {**headers, "webhook-timestamp": old}
    yield {**headers, "webhook-signature": "v1,AAAA"}


def test_the_python_on_the_page_verifies(signed):
    secret, headers, body = signed
    [code] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    page: dict = {}
    exec(code, page)  # noqa: S102 (our own page)

    assert page["is_genuine"](secret, headers, body)
    both = {**headers, "webhook-signature": "v1,AAAA " + headers["webhook-signature"]}
    assert page["is_genuine"](secret, both, body)
    assert not page["is_genuine"](secret, headers, body + b" ")
    assert not any(page["is_genuine"](secret, each, body) for each in spoilt(headers))


def test_the_javascript_on_the_page_verifies(signed, node):
    secret, headers, body = signed
    [code] = re.findall(r"```javascript\n(.*?)```", GUIDE, re.DOTALL)

    def verifies(given):
        told = ", ".join(json.dumps(each) for each in (secret, given))
        call = f"console.log(isGenuine({told}, Buffer.from({json.dumps(body.decode())})))"
        done = subprocess.run([node, "-e", code + call], capture_output=True, text=True, check=True)
        return done.stdout.strip() == "true"

    assert verifies(headers)
    assert not any(verifies(each) for each in spoilt(headers))


def test_the_waits_on_the_page_are_those_of_the_code():
    hours = [wait.total_seconds() / 3600 for wait in schedule.WAITS]

    assert hours[:3] == [5 / 3600, 5 / 60, 0.5]
    assert "5 seconds, 5 minutes, 30 minutes, then " + ", ".join(f"{h:g}" for h in hours[3:-1]) in " ".join(
        GUIDE.split()
    )
    assert f"and {hours[-1]:g} hours" in " ".join(GUIDE.split())
