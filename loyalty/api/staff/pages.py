"""Pages of the admin door's lists."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from loyalty_site.http.fields import Input
from loyalty_site.http.pagination import PageQuery, cursor_for, position_in


class ListQuery(PageQuery, Input):
    """A page of a list; nothing else is asked for."""


def page_of(
    rows: QuerySet[Any],
    *,
    by: tuple[str, ...],
    query: dict[str, Any],
    name: str,
    about: Any,
    shape: Callable[[Any], Any],
) -> dict[str, Any]:
    """One page of the rows, those highest in `by` first, and the cursor of the next; `name` is the list's.

    The cursor leads on in this list alone: `about` says whose it is, and every filter of the query is bound in.
    Raises `InvalidCursor`.
    """
    filters = {key: value for key, value in query.items() if key not in ("limit", "cursor")}
    bound_to = [name, about, filters]
    if query.get("cursor"):
        rows = rows.filter(_below(by, position_in(query["cursor"], bound_to=bound_to)))
    found = list(rows.order_by(*(f"-{field}" for field in by))[: query["limit"] + 1])
    more = len(found) > query["limit"]
    found = found[: query["limit"]]
    cursor = cursor_for([_plain(getattr(found[-1], field)) for field in by], bound_to=bound_to) if more else None
    return {name: [shape(row) for row in found], "next_cursor": cursor}


def page_schema(name: str, row: type[serializers.BaseSerializer[Any]]) -> type[serializers.Serializer[Any]]:
    """How such a page looks: the rows under `name`, and `nextCursor`."""
    fields = {
        name: row(many=True),
        "next_cursor": serializers.CharField(allow_null=True, help_text="Null at the end."),
        "__doc__": f"A page of {name}.",
    }
    title = row.__name__.removesuffix("Output")
    return extend_schema_serializer(component_name=f"{title}Page")(
        type(f"{title}Page", (serializers.Serializer,), fields)
    )


def _below(by: tuple[str, ...], position: list[Any]) -> Q:
    """Rows that come after the position: lower in the first field, or as high and lower in the next."""
    first, *rest = by
    if not rest:
        return Q(**{f"{first}__lt": position[0]})
    tied = Q(**{first: position[0]}) & _below(tuple(rest), position[1:])
    return Q(**{f"{first}__lte": position[0]}) & (Q(**{f"{first}__lt": position[0]}) | tied)


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
