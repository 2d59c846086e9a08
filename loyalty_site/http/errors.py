"""Every no in one shape: problem+json (RFC 9457) with a stable code."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from loyalty_site.http.casing import camel
from loyalty_site.refusals import Refusal

CONTENT_TYPE = "application/problem+json"

_TITLES = {
    400: "The request is malformed",
    401: "No valid credential",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Not possible now",
    410: "Gone",
    413: "The request is too large",
    415: "Unsupported media type",
    422: "The request cannot be granted",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available now",
}


class Refused(exceptions.APIException):
    """A refusal of the business on its way to the caller."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail, refusal.code)
        self.status_code = refusal.status
        self.refusal = refusal
        self.wait = refusal.facts.get("retry_after")


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "request_too_large"
    default_detail = "The request is larger than this server takes."


class InvalidValue(exceptions.APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_value"
    default_detail = "A value in the request cannot be stored."


class Handler(ExceptionHandler):
    """Turns refusals, and what Django and PostgreSQL say of bad input, into API errors."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refusal):
            return Refused(exc)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, DataError):
            # Doors check their input; what slips through is still the caller's, and still no 500.
            return InvalidValue()
        if isinstance(exc, SuspiciousOperation):
            return exceptions.ParseError()
        return super().convert_known_exceptions(exc)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=CONTENT_TYPE)


class Formatter(ExceptionFormatter):
    """The body of a problem: `code` and `detail` are those of its first error."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        errors = [
            {"code": error.code, "detail": error.detail, "attr": _attribute(error.attr)}
            for error in error_response.errors
        ]
        code = errors[0]["code"] if len(errors) == 1 or error_response.type != "validation_error" else "invalid_request"
        if error_response.type == "validation_error" and len(errors) == 1:
            code = errors[0]["code"]
        detail = errors[0]["detail"] if errors else ""
        if len(errors) > 1:
            detail = "Several fields are wrong."
        return problem(self.exc.status_code, str(code), str(detail), errors)


def problem(status_code: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The members of a problem (RFC 9457), and our code, errors and request id."""
    return {
        "type": f"urn:regulars:problem:{code}",
        "title": _TITLES.get(status_code, "The request cannot be granted"),
        "status": status_code,
        "detail": detail,
        "code": code,
        "errors": errors if errors is not None else [{"code": code, "detail": detail, "attr": None}],
        "requestId": structlog.contextvars.get_contextvars().get("request_id"),
    }


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """The answer for an address of the API that is none; the same as for a row that is not there."""
    return _plain(404, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> JsonResponse:
    """The answer where we failed; the request id leads to the log."""
    return _plain(500, "server_error", "Something went wrong here. The request id leads to the log.")


def _plain(status_code: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem(status_code, code, detail), status=status_code, content_type=CONTENT_TYPE)


def _attribute(path: str | None) -> str | None:
    """The field's name as the caller wrote it: camelCase along the path."""
    return None if path is None else ".".join(camel(part) for part in path.split("."))
