"""How the schema is made from the views: names in camelCase, problems on every operation, our credentials."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from loyalty_site.http import idempotency
from loyalty_site.http.casing import AS_GIVEN, camel


class ProblemError(serializers.Serializer[Any]):
    """One thing that is wrong; `attr` names the field."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem details. `code` is stable; `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = ProblemError(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField(allow_null=True)


_PROBLEMS = {
    400: "The request is malformed",
    401: "No valid credential",
    403: "The credential does not allow this",
    404: "Nothing here, or nothing of this merchant",
    406: "Only JSON is answered",
    409: "Not possible now",
    410: "The person the answer was about has been forgotten",
    413: "The request is too large",
    415: "Only JSON is taken",
    422: "The request cannot be granted",
    429: "Too many requests",
    503: "Not available now; nothing was changed",
}
_READING = (400, 401, 403, 404, 406, 409, 422, 429, 503)
_WRITING = (400, 401, 403, 404, 406, 409, 410, 413, 415, 422, 429, 503)


class Schema(AutoSchema):
    """An operation with every problem it may answer with, and the headers every door knows."""

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = [
            OpenApiParameter(
                "X-Request-Id", str, OpenApiParameter.HEADER, description="Returned, and in every log line."
            )
        ]
        if self.method == "POST":
            parameters.append(
                OpenApiParameter(
                    idempotency.HEADER,
                    {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST, "pattern": r"^[ -~]+$"},
                    OpenApiParameter.HEADER,
                    description="The same key and body are answered again, and change nothing again. Kept 48 hours.",
                )
            )
        return parameters

    def get_description(self) -> str:  # type: ignore[override]
        # Views are described by their addresses, which stand above each operation already.
        return ""

    def get_auth(self) -> list[Any]:
        # A call that needs no credential may bring one.
        required: list[Any] = super().get_auth()
        return [*required, {}] if getattr(self.view, "is_public", False) else required

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        # Not `get_response_serializers`, which `extend_schema` puts aside.
        bodies = super()._get_response_bodies(direction)
        for status in _READING if self.method == "GET" else _WRITING:
            answer = OpenApiResponse(Problem, description=_PROBLEMS[status], examples=[_example(status)])
            problem = self._get_response_for_code(answer, str(status), ["application/problem+json"], direction)
            bodies.setdefault(str(status), problem)
        return bodies


def _example(status: int) -> OpenApiExample:
    code = {400: "invalid", 401: "not_authenticated", 404: "not_found", 429: "rate_limited"}.get(status, "refused")
    title = _PROBLEMS[status]
    return OpenApiExample(
        "problem",
        value={
            "type": f"urn:regulars:problem:{code}",
            "title": title,
            "status": status,
            "detail": f"{title}.",
            "code": code,
            "errors": [{"code": code, "detail": f"{title}.", "attr": None}],
            "requestId": "4f1c2a9e",
        },
        response_only=True,
        status_codes=[str(status)],
    )


def _lets_in(view: Any, kind: str) -> bool:
    """Whether callers of this kind are answered by the view; a door of one kind says nothing of kinds."""
    return bool(getattr(view, kind, True) or getattr(view, "is_public", False))


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "loyalty_site.http.authentication.KeyAuthentication"
    name = ["apiKey", "apiKeyHeader"]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key <key>`"},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        if _lets_in(auto_schema.view, "for_operators"):
            return [{"apiKey": []}, {"apiKeyHeader": []}]
        return None


class StaffScheme(OpenApiAuthenticationExtension):
    target_class = "loyalty_site.http.authentication.StaffAuthentication"
    name = ["staffToken", "staffSession"]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {"type": "http", "scheme": "bearer", "description": "A staff token, `rs_...`"},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The console's session, with CSRF"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        return [{"staffToken": []}, {"staffSession": []}]


class MemberScheme(OpenApiAuthenticationExtension):
    target_class = "loyalty_site.http.authentication.MemberAuthentication"
    name = ["memberToken", "memberSession"]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A member token"},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The hub's session, with CSRF"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        if _lets_in(auto_schema.view, "for_members"):
            return [{"memberToken": []}, {"memberSession": []}]
        return None


def camelize(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """The schema with names as they are on the wire; inputs take no other names than those listed."""
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        _camelize(schema)
        if name.endswith(("Input", "InputRequest")) and schema.get("type") == "object":
            schema["additionalProperties"] = False
    paths = {}
    for address, path in result.get("paths", {}).items():
        for operation in path.values():
            for parameter in operation.get("parameters", []) if isinstance(operation, dict) else []:
                if parameter["in"] in ("query", "path"):
                    parameter["name"] = camel(parameter["name"])
        paths[re.sub(r"{(\w+)}", lambda match: f"{{{camel(match[1])}}}", address)] = path
    result["paths"] = paths
    return result


def _camelize(schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _camelize(item)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("properties"), dict):
        schema["properties"] = {camel(name): item for name, item in schema["properties"].items()}
    if isinstance(schema.get("required"), list):
        schema["required"] = [camel(name) for name in schema["required"]]
    for name, item in schema.items():
        if name not in AS_GIVEN and name not in ("example", "examples", "enum"):
            if name == "properties":
                for each in item.values():
                    _camelize(each)
            else:
                _camelize(item)
