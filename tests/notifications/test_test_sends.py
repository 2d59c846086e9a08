"""A text of one's own, sent to oneself: it goes the way of every other mail."""

from datetime import timedelta

import pytest

from loyalty_site.tenants.models import User
from notifications import dispatch
from notifications.catalogue import CODES
from notifications.channels import base
from notifications.channels.base import Outcome, Outgoing, Result
from notifications.models import Message, TemplateOverride
from notifications.operations.test_sends import send_test


class Postman:
    """A channel that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[Outgoing] = []

    def is_on(self) -> bool:
        return True

    def send(self, batch):
        self.mails.extend(batch)
        return [Outcome(result=Result.SENT, provider_id="p-1") for _ in batch]


@pytest.fixture
def postman():
    """In the place of e-mail."""
    kept, made = base._makers["email"], Postman()
    base.register("email", lambda: made)
    yield made
    base.register("email", kept)


@pytest.fixture
def manager(db) -> User:
    return User.objects.create_user(email="manager@cafe.example", name="Manager", password=None)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=4_000)])
def test_a_test_of_every_message_arrives_today_and_in_ten_years(code, later, cafe, manager, noon, postman):
    at = noon + later

    assert send_test(merchant=cafe, store_id=None, code=code, locale="fr", user=manager, key="a", at=at)
    assert not send_test(merchant=cafe, store_id=None, code=code, locale="fr", user=manager, key="a", at=at)
    dispatch.dispatch(clock=lambda: at)

    [mail] = postman.mails
    assert (mail.address, mail.locale, mail.sender_name) == ("manager@cafe.example", "fr", cafe.name)
    assert cafe.name in mail.html
    # Of a sample there is nothing to unsubscribe from.
    assert "List-Unsubscribe" not in mail.headers
    assert Message.objects.get().status == "sent"


def test_a_test_says_what_the_own_text_of_that_place_says(cafe, counter, manager, noon, postman):
    for store, words in ((None, "Partout"), (counter, "Ici")):
        TemplateOverride.objects.create(
            merchant=cafe, store=store, code="loyalty_tier_upgrade", channel="email", locale="fr",
            subject=words, html="{% for benefit in benefits %}<p>{{ benefit }}</p>{% endfor %}",
        )  # fmt: skip

    for key, store_id in (("a", None), ("b", counter.pk)):
        send_test(
            merchant=cafe, store_id=store_id, code="loyalty_tier_upgrade", locale="fr", user=manager, key=key, at=noon
        )
    dispatch.dispatch(clock=lambda: noon)

    assert sorted(mail.subject for mail in postman.mails) == ["Ici", "Partout"]
    assert all("Points doublés le mardi" in mail.text for mail in postman.mails)
