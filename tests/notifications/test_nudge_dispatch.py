"""Which nudges are sent, when, to whom and through what."""

from datetime import timedelta

import pytest

from loyalty.models import Program
from loyalty_site.tenants.models import Customer
from notifications import dispatch as sender
from notifications import hooks
from notifications.channels import base
from notifications.channels.base import Outcome, Outgoing, Result
from notifications.models import Message, Nudge, NudgeDispatchEvent, NudgeExposure, Preference
from notifications.operations import resending
from tests.cast import make_member
from tests.notifications.nudging import (
    aggregate,
    campaign,
    channels_of_messages,
    consents,
    dispatch,
    give,
    intend,
    request,
)


@pytest.fixture
def nudged(alice, cafe, noon):
    """Alice agreed to marketing messages, can be reached by every channel, and left something at a checkout."""
    consents(alice)
    intend(alice, at=noon)
    aggregate(cafe, noon)
    return alice


def tried(message: Message, channel: str, outcome: str, at, **more) -> None:
    """The sender tells of an attempt."""
    facts = {"provider_id": "", "error": "", **more}
    hooks.attempted([hooks.Attempt(message.pk, message.nudge_id, channel, at, outcome, **facts)])


def test_what_is_due_becomes_one_message_with_the_campaigns_channels_in_order(nudged, cafe, noon):
    assert dispatch(cafe, noon) == {"merchants": 1, "due": 1, "queued": 1, "held_out": 0}

    message, nudge = Message.objects.get(), Nudge.objects.get()
    assert (message.code, message.kind, message.channels) == (
        "loyalty_nudge_checkout_reminder", "marketing", ["email", "push"]
    )  # fmt: skip
    assert (message.member_id, message.customer_id, message.nudge_id) == (nudged.pk, nudged.customer_id, nudge.pk)
    assert message.variables["headline"] == nudge.payload["headline"]
    assert message.variables["body"] == nudge.payload["body"]
    assert message.variables["cta"] == "Invite friends"
    assert (nudge.last_sent_at, nudge.sends) == (noon, 1)


def test_the_cap_begins_with_each_message(nudged, cafe, noon):
    sent = [dispatch(cafe, noon + timedelta(hours=hours))["queued"] for hours in (0, 0, 5.99, 6, 11, 12)]

    assert sent == [1, 0, 0, 1, 0, 1]
    assert Message.objects.values("key").distinct().count() == 3


def test_a_members_nudges_of_one_campaign_share_its_cap_and_take_turns(alice, cafe, noon):
    consents(alice)
    for number in range(2):
        intend(alice, at=noon, name=f"i-{number}", expires_at=noon + timedelta(hours=40 + number))
    aggregate(cafe, noon)

    sent = [dispatch(cafe, noon + timedelta(hours=hours))["queued"] for hours in (0, 1, 6, 12)]

    assert sent == [1, 0, 1, 1]
    order = list(Message.objects.order_by("created_at").values_list("nudge_id", flat=True))
    sooner, later = Nudge.objects.order_by("expires_at").values_list("pk", flat=True)
    assert order == [sooner, later, sooner]


def test_campaigns_do_not_share_a_cap(nudged, cafe, noon):
    give(nudged, 100, at=noon)
    request(nudged, 10, at=noon - timedelta(days=4))
    aggregate(cafe, noon)

    assert dispatch(cafe, noon)["queued"] == 2
    assert dispatch(cafe, noon)["queued"] == 0


# --- Who gets none --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"marketing_consent": False},
        {"email": "", "push_token": ""},
        {"anonymized_at": "2026-03-01T00:00:00Z"},
    ],
)
def test_without_consent_or_an_address_there_is_no_message_and_no_exposure(nudged, cafe, noon, change):
    Customer.objects.filter(pk=nudged.customer_id).update(**change)

    assert dispatch(cafe, noon)["due"] == 0
    assert not Message.objects.exists()
    assert not NudgeExposure.objects.exists()


@pytest.mark.parametrize(
    ("choice", "channels"),
    [({"email": False}, ["push"]), ({"push": False}, ["email"]), ({"email": False, "push": False}, None)],
)
def test_a_channel_the_member_closed_is_left_out(nudged, cafe, noon, choice, channels):
    Preference.objects.create(merchant=cafe, customer=nudged.customer, **choice)

    dispatch(cafe, noon)

    assert channels_of_messages(nudged) == ([channels] if channels else [])


def test_a_channel_without_an_address_is_left_out(nudged, cafe, noon):
    Customer.objects.filter(pk=nudged.customer_id).update(email="")

    dispatch(cafe, noon)

    assert channels_of_messages(nudged) == [["push"]]


@pytest.mark.parametrize("status", ["acknowledged", "dismissed", "expired"])
def test_what_is_not_active_is_not_sent(nudged, cafe, noon, status):
    Nudge.objects.update(status=status)

    assert dispatch(cafe, noon)["due"] == 0


def test_what_is_over_is_not_sent(nudged, cafe, noon):
    assert dispatch(cafe, noon + timedelta(days=2))["due"] == 0


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"starts_at": "2026-03-02T12:00:01Z"}, {"ends_at": "2026-03-02T12:00:00Z"}]
)
def test_a_campaign_that_is_not_in_force_sends_nothing(nudged, cafe, noon, change):
    campaign(cafe, "checkout_recovery", **change)

    assert dispatch(cafe, noon)["due"] == 0


def test_a_merchant_or_program_that_is_off_sends_nothing(nudged, cafe, noon):
    Program.objects.update(is_active=False)
    assert dispatch(cafe, noon)["due"] == 0
    Program.objects.update(is_active=True)
    cafe.is_active = False
    assert dispatch(cafe, noon)["due"] == 0


def test_one_merchants_dispatch_leaves_anothers_nudges(nudged, bookshop, noon):
    assert dispatch(bookshop.merchant, noon)["due"] == 0


# --- Channels -------------------------------------------------------------------------------------------------
def test_a_channel_not_yet_tried_for_this_nudge_comes_first(nudged, cafe, noon):
    dispatch(cafe, noon)
    tried(Message.objects.get(), "email", "sent", noon)

    dispatch(cafe, noon + timedelta(hours=6))
    tried(Message.objects.latest("created_at"), "push", "sent", noon)
    dispatch(cafe, noon + timedelta(hours=12))

    assert channels_of_messages(nudged) == [["email", "push"], ["push", "email"], ["email", "push"]]


def test_every_attempt_is_a_row_the_fallback_too(nudged, cafe, noon):
    dispatch(cafe, noon)
    message = Message.objects.get()

    tried(message, "email", "failed", noon, error="no such box")
    tried(message, "push", "sent", noon + timedelta(seconds=5), provider_id="p-1")

    rows = NudgeDispatchEvent.objects.order_by("sent_at").values_list(
        "merchant_id",
        "nudge_id",
        "message_id",
        "campaign_slug",
        "channel",
        "outcome",
        "provider_id",
        "error",
        "sent_at",
    )
    common = (cafe.pk, message.nudge_id, message.pk, "checkout_recovery")
    assert list(rows) == [
        (*common, "email", "failed", "", "no such box", noon),
        (*common, "push", "sent", "p-1", "", noon + timedelta(seconds=5)),
    ]


class Provider:
    """A channel of the test's own, which answers as it is told."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.given: list[Outgoing] = []

    def is_on(self) -> bool:
        return True

    def send(self, batch):
        self.given += batch
        return [self.outcome] * len(batch)


@pytest.fixture
def providers():
    """E-mail refuses everything, push takes everything."""
    kept = dict(base._makers)
    made = {
        "email": Provider(Outcome(result=Result.REFUSED, error="550 no")),
        "push": Provider(Outcome(result=Result.SENT, provider_id="p-1")),
    }
    for channel, provider in made.items():
        base.register(channel, lambda provider=provider: provider)
    yield made
    for channel in made:
        base._makers.pop(channel)
        base._adapters.pop(channel, None)
    base._makers.update(kept)


def test_a_nudge_reaches_the_member_by_the_first_channel_that_takes_it(nudged, cafe, noon, providers):
    dispatch(cafe, noon)

    sender.dispatch(clock=lambda: noon)

    [pushed] = providers["push"].given
    said = Nudge.objects.get().payload
    assert said["headline"] in f"{pushed.subject} {pushed.text}"
    assert pushed.link.endswith("/account/loyalty/referrals")
    assert pushed.link.startswith("http")
    assert list(NudgeDispatchEvent.objects.order_by("id").values_list("channel", "outcome", "provider_id")) == [
        ("email", "failed", ""),
        ("push", "sent", "p-1"),
    ]
    assert Message.objects.get().status == "sent"


def test_one_sent_again_by_staff_is_an_attempt_too_and_none_once_the_nudge_is_over(nudged, cafe, noon, providers):
    dispatch(cafe, noon)
    sender.dispatch(clock=lambda: noon)
    message = Message.objects.get()

    resending.resend(message=message, key="form-1", channel="push", at=noon)
    sender.dispatch(clock=lambda: noon)
    Nudge.objects.update(status="dismissed")
    resending.resend(message=message, key="form-2", channel="push", at=noon)
    sender.dispatch(clock=lambda: noon)

    rows = NudgeDispatchEvent.objects.order_by("id").values_list("nudge_id", "channel", "outcome")
    assert [row[1:] for row in rows] == [("email", "failed"), ("push", "sent"), ("push", "sent"), ("push", "skipped")]
    assert {row[0] for row in rows} == {message.nudge_id}
    assert len(providers["push"].given) == 2


def test_a_link_leads_to_the_platform_as_it_is_known_when_it_is_sent(nudged, cafe, noon, providers, settings):
    settings.PUBLIC_URL = ""
    dispatch(cafe, noon)
    settings.PUBLIC_URL = "https://loyalty.example"

    sender.dispatch(clock=lambda: noon)

    [pushed] = providers["push"].given
    assert pushed.link == "https://loyalty.example/account/loyalty/referrals"


@pytest.mark.parametrize("status", ["dismissed", "acknowledged", "expired"])
def test_a_message_that_waited_is_not_sent_once_its_nudge_was_put_away(nudged, cafe, noon, providers, status):
    dispatch(cafe, noon)
    Nudge.objects.update(status=status)

    sender.dispatch(clock=lambda: noon)

    assert providers["push"].given == providers["email"].given == []
    assert Message.objects.get().status == "skipped"


# --- Held out -------------------------------------------------------------------------------------------------
def test_who_is_held_out_gets_none_and_is_noted_when_it_would_have_been_sent(nudged, cafe, noon):
    campaign(cafe, "checkout_recovery", held_out_percent=100)

    first, again = dispatch(cafe, noon), dispatch(cafe, noon + timedelta(minutes=10))
    later = dispatch(cafe, noon + timedelta(hours=6))

    assert (first["queued"], first["held_out"]) == (0, 1)
    assert (again["due"], later["held_out"]) == (0, 1)
    assert not Message.objects.exists()
    exposure = NudgeExposure.objects.get()
    assert (exposure.held_out_at, exposure.nudged_at, exposure.last_at) == (noon, None, noon + timedelta(hours=6))
    assert Nudge.objects.get().last_sent_at is None


def test_the_same_members_are_held_out_every_time_and_about_as_many_as_said(program, cafe, noon):
    for number in range(120):
        member = make_member(program, f"member{number}")
        consents(member, phone_number="")
        intend(member, at=noon)
    aggregate(cafe, noon)
    campaign(cafe, "checkout_recovery", held_out_percent=30)

    def held_out(hours):
        dispatch(cafe, noon + timedelta(hours=hours), chunk=50)
        exposures = NudgeExposure.objects.filter(held_out_at__isnull=False)
        return set(exposures.values_list("member_id", flat=True))

    first = held_out(0)

    assert 20 <= len(first) <= 55
    assert held_out(6) == first
    assert NudgeExposure.objects.filter(nudged_at__isnull=False).count() == 120 - len(first)
    assert NudgeExposure.objects.count() == 120


def test_a_preview_counts_and_sends_nothing(nudged, cafe, noon):
    assert dispatch(cafe, noon, dry_run=True) == {"merchants": 1, "due": 1, "queued": 1, "held_out": 0}
    assert not Message.objects.exists()
    assert not NudgeExposure.objects.exists()
