"""API keys of a merchant: made, rotated, revoked. A key's text is in the answer that made it, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.staff.catalogue import partly
from loyalty.api.staff.catalogue_shapes import CatalogueQuery
from loyalty.api.staff.door import TAG, StaffDoor
from loyalty.api.staff.inputs import Nothing, Slug
from loyalty.api.staff.pages import page_of, page_schema
from loyalty_site.http import keys
from loyalty_site.http.fields import Id, Input, Moment, Text, WholeNumber
from loyalty_site.http.models import ApiKey, Scope
from loyalty_site.http.views import Answer
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Store


class KeyInput(Input):
    """A key of a merchant; one with the scope `store` belongs to a store, named by its id."""

    merchant = Slug()
    store_id = Id(required=False, allow_null=True)
    name = Text(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=10)
    expires_at = Moment(required=False, allow_null=True)


class KeyChangeInput(Input):
    """Where the key is used."""

    name = Text(max_length=80, required=False)


class RotateInput(Input):
    """How long the old key lives on: time to bring the new one to the tills."""

    overlap_hours = WholeNumber(min_value=0, max_value=2160, default=24)


class KeyOutput(serializers.ModelSerializer[ApiKey]):
    """A key without its text."""

    merchant = serializers.CharField(source="merchant.slug")
    store_id = serializers.UUIDField(allow_null=True)
    begins_with = serializers.CharField(source="hint")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    replaces = serializers.UUIDField(source="replaces_id", allow_null=True)

    class Meta:
        model = ApiKey
        fields: ClassVar[Any] = [
            "id",
            "merchant",
            "store_id",
            "name",
            "begins_with",
            "scopes",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "replaces",
            "created_at",
        ]


class NewKeyOutput(KeyOutput):
    """A new key. `key` is its text, shown in this answer alone: a repeated request gets null."""

    key = serializers.CharField(allow_null=True)

    class Meta(KeyOutput.Meta):
        fields: ClassVar[Any] = ["key", *KeyOutput.Meta.fields]


class KeyView(StaffDoor):
    """A view about keys."""

    sees = "http.view_apikey"
    permissions = {
        "GET": "http.view_apikey",
        "POST": "http.add_apikey",
        "PATCH": "http.change_apikey",
        "DELETE": "http.delete_apikey",
    }

    def rows(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.select_related("merchant", "store")

    def own_key(self, key_id: UUID) -> ApiKey:
        """The key, where the user may do with it what the method does."""
        key = self.one(self.rows(), key_id)
        self.demand(key.merchant_id)
        return key

    def hand_out(self, make: Callable[[], tuple[ApiKey, str]]) -> HttpResponse:
        """Make a key once, and show its text in this answer only.

        What is kept for a repeated request has no text: a secret of which only the SHA-256 is kept cannot be said
        twice.
        """
        made: list[dict[str, Any]] = []

        def answer() -> Answer:
            key, text = make()
            shown = KeyOutput(key).data
            made.append({"key": text, **shown})
            return Answer({"key": None, **shown}, 201)

        response = self.change(answer)
        return Response(made[0], 201) if made else response


class Keys(KeyView):
    """GET, POST keys"""

    @extend_schema(
        tags=[TAG],
        operation_id="listKeys",
        summary="List API keys, newest first",
        parameters=[CatalogueQuery],
        responses=page_schema("keys", KeyOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.queried(CatalogueQuery)
        rows = self.seen(self.rows())
        if query.get("merchant"):
            rows = rows.filter(merchant__slug=query["merchant"])
        return Response(
            page_of(rows, by=("pk",), query=query, name="keys", about=None, shape=lambda key: KeyOutput(key).data)
        )

    @extend_schema(
        tags=[TAG],
        operation_id="createKey",
        summary="Make an API key; its text is shown in this answer alone",
        request=KeyInput,
        responses={201: NewKeyOutput},
        examples=[
            OpenApiExample(
                "till",
                value={
                    "merchant": "cafe",
                    "storeId": "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11",
                    "name": "Till 2",
                    "scopes": ["store"],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        asked: dict[str, Any] = self.validated(KeyInput)
        at = timezone.now()

        def make() -> tuple[ApiKey, str]:
            merchant = self.merchant_named(asked["merchant"])
            store = None
            if asked.get("store_id"):
                store = Store.objects.filter(merchant=merchant, pk=asked["store_id"]).first()
                if store is None:
                    raise NotFound
            return keys.make(
                merchant=merchant,
                store=store,
                name=asked["name"],
                scopes=asked["scopes"],
                expires_at=asked.get("expires_at"),
                at=at,
                created_by=self.user,
            )

        return self.hand_out(make)


class OneKey(KeyView):
    """GET, PATCH, DELETE keys/{id}"""

    @extend_schema(tags=[TAG], operation_id="getKey", summary="An API key, without its text", responses=KeyOutput)
    def get(self, request: Request, row_id: UUID) -> Response:
        return Response(KeyOutput(self.one(self.rows(), row_id)).data)

    @extend_schema(
        tags=[TAG],
        operation_id="changeKey",
        summary="Say where a key is used",
        request=KeyChangeInput,
        responses=KeyOutput,
        examples=[OpenApiExample("moved", value={"name": "Till 3"}, request_only=True)],
    )
    def patch(self, request: Request, row_id: UUID) -> Response:
        asked = partly(self, KeyChangeInput)
        with transaction.atomic():
            key = self.own_key(row_id)
            if "name" in asked:
                key.name = asked["name"]
                key.save(update_fields=["name"])
        return Response(KeyOutput(key).data)

    @extend_schema(
        tags=[TAG],
        operation_id="deleteKey",
        summary="Revoke a key: it opens nothing any more, and stays in the list",
        responses={204: None},
    )
    def delete(self, request: Request, row_id: UUID) -> Response:
        keys.revoke(key=self.own_key(row_id), at=timezone.now())
        return Response(status=204)


class RotateKey(KeyView):
    """POST keys/{id}/rotate"""

    permissions = {"POST": "http.change_apikey"}

    @extend_schema(
        tags=[TAG],
        operation_id="rotateKey",
        summary="Make a new key like this one, which ends after an overlap",
        request=RotateInput,
        responses={201: NewKeyOutput},
        examples=[OpenApiExample("a week", value={"overlapHours": 168}, request_only=True)],
    )
    def post(self, request: Request, row_id: UUID) -> HttpResponse:
        asked: dict[str, Any] = self.validated(RotateInput)
        at = timezone.now()
        overlap = timedelta(hours=asked["overlap_hours"])
        return self.hand_out(
            lambda: keys.rotate(key=self.own_key(row_id), overlap=overlap, at=at, created_by=self.user)
        )


class RevokeKey(KeyView):
    """POST keys/{id}/revoke"""

    permissions = {"POST": "http.change_apikey"}

    @extend_schema(
        tags=[TAG],
        operation_id="revokeKey",
        summary="Revoke a key: it opens nothing any more",
        request=Nothing,
        responses=KeyOutput,
    )
    def post(self, request: Request, row_id: UUID) -> HttpResponse:
        self.validated(Nothing)
        at = timezone.now()

        def revoke() -> Answer:
            keys.revoke(key=self.own_key(row_id), at=at)
            return Answer(KeyOutput(self.one(self.rows(), row_id)).data)

        return self.change(revoke)
