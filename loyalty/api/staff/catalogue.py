"""Lists of what a merchant sets up, and one row of it: read, make, change, delete."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, connection, transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.staff.catalogue_shapes import CatalogueQuery
from loyalty.api.staff.door import TAG, StaffDoor
from loyalty.api.staff.pages import page_of, page_schema
from loyalty_site.http.views import Answer
from loyalty_site.refusals import Refusal


class AlreadyExists(Refusal):
    """Another row says so already: the same slug, reference or threshold, or a second active program."""

    code = "already_exists"
    sentence = "There is another one like this already."


class InUse(Refusal):
    """Something refers to the row."""

    code = "in_use"
    sentence = "This is in use, so it cannot be deleted; switch it off instead."


class CatalogueView(StaffDoor):
    """Rows of one model, each of one merchant; `path` leads to the merchant's id."""

    model: ClassVar[type[Model]]
    path: ClassVar[str] = "merchant_id"
    related: ClassVar[tuple[str, ...]] = ("merchant",)
    name: ClassVar[str]
    output: ClassVar[type[serializers.BaseSerializer[Any]]]

    def rows(self) -> QuerySet[Any]:
        """All rows of the model, with what is shown of them."""
        return self.model._default_manager.select_related(*self.related)

    def shape(self, row: Any) -> Any:
        return self.output(row).data

    def changed(self, row: Any, names: set[str]) -> None:
        """Ask for what follows from a row that was made, changed in these fields, or deleted (none)."""

    def merchant_of(self, row: Any) -> UUID:
        """The id of the merchant that the row belongs to."""
        for step in self.path.split("__"):
            row = getattr(row, step)
        return row


class Listing(CatalogueView):
    """GET and POST of a list."""

    takes: ClassVar[type[serializers.BaseSerializer[Any]]]

    def get(self, request: Request) -> Response:
        query = self.queried(CatalogueQuery)
        rows = self.seen(self.rows(), self.path)
        if query.get("merchant"):
            rows = rows.filter(**{self.path.replace("merchant_id", "merchant__slug"): query["merchant"]})
        return Response(page_of(rows, by=("pk",), query=query, name=self.name, about=None, shape=self.shape))

    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(self.takes)  # type: ignore[arg-type]

        def make() -> Answer:
            row: Any = self.new(dict(asked))
            saved(row)
            self.changed(row, set(asked))
            return Answer(self.shape(row), 201)

        return self.change(make)

    def new(self, asked: dict[str, Any]) -> Model:
        """The row as asked for, not saved. Raises `NotFound` where its merchant or program is not there."""
        return self.model(merchant=self.merchant_named(asked.pop("merchant")), **asked)


class Row(CatalogueView):
    """GET, PATCH and DELETE of one row."""

    takes: ClassVar[type[serializers.BaseSerializer[Any]]]

    def get(self, request: Request, row_id: UUID) -> Response:
        return Response(self.shape(self.one(self.rows(), row_id, self.path)))

    def patch(self, request: Request, row_id: UUID) -> Response:
        asked = partly(self, self.takes)
        with transaction.atomic():
            row = self.one(self.rows().select_for_update(no_key=True, of=("self",)), row_id, self.path)
            self.demand(self.merchant_of(row))
            self.check_change(row, asked)
            for name, value in asked.items():
                setattr(row, name, value)
            saved(row)
            self.changed(row, set(asked))
        return Response(self.shape(row))

    def delete(self, request: Request, row_id: UUID) -> Response:
        with transaction.atomic():
            row = self.one(self.rows(), row_id, self.path)
            self.demand(self.merchant_of(row))
            self.check_delete(row)
            try:
                delete(row)
            except IntegrityError as error:
                raise InUse from error
            self.changed(row, set())
        return Response(status=204)

    def check_change(self, row: Any, asked: dict[str, Any]) -> None:
        """Raise a `Refusal` where the row may not be changed so."""

    def check_delete(self, row: Any) -> None:
        """Raise `InUse` where something refers to the row that PostgreSQL does not know of."""


def delete(row: Model) -> None:
    """Delete the row. Raises IntegrityError where a foreign key leads to it: nothing is deleted along with it."""
    with connection.cursor() as cursor:
        # Django's foreign keys are looked at when the transaction ends, which is too late for an answer.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"DELETE FROM {connection.ops.quote_name(row._meta.db_table)} WHERE id = %s", [row.pk])


def partly(view: StaffDoor, takes: type[serializers.BaseSerializer[Any]]) -> dict[str, Any]:
    """The body's fields, any of which may be left out. Raises ValidationError."""
    body = view.request.data
    if body is not None and not isinstance(body, dict):
        raise serializers.ValidationError("The body must be a JSON object.", "invalid")
    taken = takes(data=body or {}, partial=True)
    taken.is_valid(raise_exception=True)
    return dict(taken.validated_data)


def saved(row: Model) -> None:
    """Save the row. Raises ValidationError for a field that is wrong, `AlreadyExists` where there is one like it.

    What must be unique is PostgreSQL's to say, which it does without being asked first; the transaction is lost then.
    """
    # What was read a moment ago need not be looked for again.
    at_hand = {field.name for field in row._meta.fields if isinstance(field, ForeignKey) and field.is_cached(row)}
    try:
        row.clean_fields(exclude=at_hand)
        row.clean()
    except ModelError as error:
        raise serializers.ValidationError(serializers.as_serializer_error(error)) from error
    try:
        row.save()
    except IntegrityError as error:
        raise AlreadyExists(_violated(row, error)) from error


def _violated(row: Model, error: IntegrityError) -> str:
    """What the model says of the constraint that was violated; nothing where it has no words of its own."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    for constraint in row._meta.constraints:
        if constraint.name == name and constraint.violation_error_message != constraint.default_violation_error_message:
            return str(constraint.violation_error_message)
    return ""


Decorator = Callable[[Any], Any]


def listing(one: str, many: str, view: type[Listing], example: dict[str, Any]) -> Decorator:
    """The words of a list's operations."""
    title = many.title().replace(" ", "")
    return extend_schema_view(
        get=extend_schema(
            tags=[TAG],
            operation_id=f"list{title}",
            summary=f"List {many}, newest first",
            parameters=[CatalogueQuery],
            responses=page_schema(view.name, view.output),
        ),
        post=extend_schema(
            tags=[TAG],
            operation_id=f"create{one.title().replace(' ', '')}",
            summary=f"Make a {one}",
            request=view.takes,
            responses={201: view.output},
            examples=[OpenApiExample(one, value=example, request_only=True)],
        ),
    )


def row(one: str, view: type[Row], example: dict[str, Any]) -> Decorator:
    """The words of one row's operations."""
    title = one.title().replace(" ", "")
    return extend_schema_view(
        get=extend_schema(tags=[TAG], operation_id=f"get{title}", summary=f"A {one}", responses=view.output),
        patch=extend_schema(
            tags=[TAG],
            operation_id=f"change{title}",
            summary=f"Change a {one}; fields left out stay as they are",
            request=view.takes,
            responses=view.output,
            examples=[OpenApiExample(one, value=example, request_only=True)],
        ),
        delete=extend_schema(
            tags=[TAG],
            operation_id=f"delete{title}",
            summary=f"Delete a {one} that nothing refers to",
            responses={204: None},
        ),
    )
