"""What the system checks say of channels."""

import pytest

from notifications.channels import checks


def said(found):
    return {each.id: each.level for each in found}


@pytest.fixture(autouse=True)
def nothing_set(settings):
    settings.SMS_ACCOUNT = settings.FCM_CREDENTIALS = settings.WEBPUSH_PRIVATE_KEY = ""


def test_a_channel_that_is_off_says_so_and_is_no_fault():
    assert said(checks.channels_are_set_up()) == {
        "notifications.I003": 20,
        "notifications.I004": 20,
        "notifications.I005": 20,
    }
    assert checks.credentials_can_be_read() == []


def test_credentials_that_are_none_are_a_fault(settings):
    settings.FCM_CREDENTIALS, settings.WEBPUSH_PRIVATE_KEY = "{}", "nonsense"

    assert said(checks.credentials_can_be_read()) == {"notifications.E001": 40, "notifications.E002": 40}


def test_calls_inside_are_warned_of(settings):
    assert checks.nothing_inside_is_called() == []

    settings.OUTBOUND_ALLOW_PRIVATE = True

    assert said(checks.nothing_inside_is_called()) == {"notifications.W001": 30}
