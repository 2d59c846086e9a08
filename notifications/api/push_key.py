"""What a browser subscribes to pushes with."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from notifications.channels import webpush


class PushKeyOutput(serializers.Serializer[Any]):
    """The `applicationServerKey` of `PushManager.subscribe`; null where pushes to browsers are off."""

    public_key = serializers.CharField(allow_null=True)


class PushKey(MemberCall):
    """GET preferences/push-key"""

    @member_call(
        "readPushKey",
        "The public key that a browser subscribes to pushes with; its subscription is stored as the push token",
        responses={200: PushKeyOutput},
    )
    def get(self, request: Request) -> HttpResponse:
        self.unqueried()
        return Response({"public_key": None if webpush.why_off() else webpush.public_key(settings.WEBPUSH_PRIVATE_KEY)})
