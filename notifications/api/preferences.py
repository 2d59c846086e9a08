"""How the member wants to hear from the merchant."""

from datetime import datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpResponse
from phonenumber_field.phonenumber import to_python
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from loyalty.models import Member
from loyalty.models.programs import validate_time_zone
from loyalty_site.http.fields import Flag, Input, Text
from loyalty_site.http.views import Answer
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Customer
from notifications.channels import webpush
from notifications.models import Preference
from notifications.operations import preferences
from notifications.operations.preferences import Choice

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,6})?$"


class PhoneInUse(Refusal):
    """Another customer of the merchant has this phone number."""

    code = "phone_in_use"
    sentence = "This phone number belongs to another customer."


class ChannelsInput(Input):
    """Which ways are open."""

    email = Flag(required=False)
    sms = Flag(required=False)
    push = Flag(required=False)


class KindsInput(Input):
    """Which kinds are wanted. Transactional messages always come, so the only value taken there is true."""

    transactional = Flag(required=False)
    marketing_messages = Flag(required=False)

    default_error_messages = {"always": "Transactional messages cannot be switched off."}

    def validate_transactional(self, value: bool) -> bool:
        if not value:
            self.fail("always")
        return value


class Zone(Text):
    """A name of the IANA time zone database."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        try:
            validate_time_zone(name)
        except ValidationError:
            self.fail("invalid")
        return name


class Hour(serializers.RegexField):
    """A time of day to the minute."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", **options)


class QuietHoursInput(Input):
    """When marketing messages wait, by the member's own clock: `from` and `until` as HH:MM. They may pass midnight."""

    until = Hour()
    time_zone = Zone(max_length=64, required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's.
        return {"from": Hour(), **super().get_fields()}


class PushToken(Text):
    """The token of an app's device, or the subscription of a browser as JSON."""

    default_error_messages = {"subscription": "This is not the subscription of a browser."}

    def to_internal_value(self, data: Any) -> str:
        token = super().to_internal_value(data)
        if webpush.is_subscription(token):
            try:
                webpush.subscription(token)
            except webpush.BadSubscription:
                self.fail("subscription")
        return token


class PreferencesInput(Input):
    """What changes; what is left out stays as it is. null takes quiet hours, a phone, token or language away."""

    channels = ChannelsInput(required=False)
    kinds = KindsInput(required=False)
    language = serializers.RegexField(LANGUAGE, max_length=10, required=False, allow_null=True)
    quiet_hours = QuietHoursInput(required=False, allow_null=True)
    phone = Text(max_length=32, required=False, allow_null=True)
    push_token = PushToken(max_length=2000, required=False, allow_null=True)

    def validate_phone(self, value: str | None) -> str:
        if value is None:
            return ""
        number = to_python(value)
        if not number or not number.is_valid():
            message = "A phone number begins with + and the country."
            raise serializers.ValidationError(serializers.ErrorDetail(message, "invalid"))
        return str(number.as_e164)


class Channels(serializers.Serializer[Any]):
    """Which ways are open. One that has no address, number or token is skipped all the same."""

    email = serializers.BooleanField()
    sms = serializers.BooleanField()
    push = serializers.BooleanField()


class Kinds(serializers.Serializer[Any]):
    """Which kinds of message come."""

    transactional = serializers.BooleanField()
    marketing_messages = serializers.BooleanField()


class QuietHours(serializers.Serializer[Any]):
    """When marketing messages wait, by the member's own clock."""

    until = serializers.CharField()
    time_zone = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(), **super().get_fields()}


class PreferencesOutput(serializers.Serializer[Any]):
    """How the member wants to hear from the merchant. `language` is null where the program's is used."""

    channels = Channels()
    kinds = Kinds()
    language = serializers.CharField(allow_null=True)
    quiet_hours = QuietHours(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    push_token = serializers.CharField(allow_null=True)


class Preferences(MemberCall):
    """GET, PUT preferences"""

    @member_call(
        "readPreferences",
        "Channels, kinds of message, language, quiet hours, phone and push token of the member",
        responses={200: PreferencesOutput},
    )
    def get(self, request: Request) -> HttpResponse:
        self.unqueried()
        member = self.me()
        return Response(_shape(preferences.of(member.customer), member))

    @member_call(
        "changePreferences",
        "Change how the member wants to hear from the merchant; what is left out stays as it is",
        {
            "channels": {"sms": False},
            "kinds": {"marketingMessages": True},
            "language": "de",
            "quietHours": {"from": "21:00", "until": "08:00", "timeZone": "Europe/Luxembourg"},
        },
        request=PreferencesInput,
        responses={200: PreferencesOutput},
    )
    def put(self, request: Request) -> HttpResponse:
        choice = _choice(self.validated(PreferencesInput))

        def change(member: Member, at: datetime) -> Answer:
            return Answer(_shape(preferences.change(customer=member.customer, choice=choice, at=at), member))

        try:
            return self.change_me(change)
        except IntegrityError as error:
            if "one_customer_a_phone_number" in str(error):
                raise PhoneInUse(field="phone") from error
            raise


def _choice(asked: dict[str, Any]) -> Choice:
    hours = asked.get("quiet_hours")
    quiet: tuple[time, time] | bool | None = None
    if hours is not None:
        quiet = (time.fromisoformat(hours["from"]), time.fromisoformat(hours["until"]))
    elif "quiet_hours" in asked:
        quiet = False
    return Choice(
        channels=asked.get("channels"),
        marketing_messages=asked.get("kinds", {}).get("marketing_messages"),
        quiet_hours=quiet,
        time_zone=hours.get("time_zone") if hours else None,
        **{name: asked[name] or "" for name in ("language", "phone", "push_token") if name in asked},
    )


def _shape(preference: Preference, member: Member) -> dict[str, Any]:
    customer: Customer = member.customer
    quiet = None
    if preference.quiet_from is not None and preference.quiet_until is not None:
        quiet = {
            "from": f"{preference.quiet_from:%H:%M}",
            "until": f"{preference.quiet_until:%H:%M}",
            "time_zone": customer.time_zone or member.program.time_zone,
        }
    return {
        "channels": {"email": preference.email, "sms": preference.sms, "push": preference.push},
        "kinds": {"transactional": True, "marketing_messages": customer.marketing_consent},
        "language": customer.locale or None,
        "quiet_hours": quiet,
        "phone": str(customer.phone_number) or None,
        "push_token": customer.push_token or None,
    }
