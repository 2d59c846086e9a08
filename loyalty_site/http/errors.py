"""Every no in one shape: problem+json (RFC 9457) with a stable code."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import csrf, defaults
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from loyalty_site.http.casing import camel
from loyalty_site.refusals import NotFound, Refusal

CONTENT_TYPE = "application/problem+json"
FAULT = "Something went wrong here. The request id leads to the log."

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


class NotAvailable(exceptions.APIException):
    """The database cannot be reached, or ended the transaction: nothing was changed, and asking again is right."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_available"
    default_detail = "The service is not available at this moment; ask again."
    wait = 1


class Handler(ExceptionHandler):
    """Turns refusals, and what Django and PostgreSQL say of bad input, into API errors."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Http404):
            return Refused(NotFound())
        if isinstance(exc, Refusal):
            return Refused(exc)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, DataError):
            # Doors check their input; what slips through is still the caller's, and still no 500.
            return InvalidValue()
        if isinstance(exc, OperationalError | InterfaceError):
            return NotAvailable()
        if isinstance(exc, SuspiciousOperation):
            return exceptions.ParseError()
        return super().convert_known_exceptions(exc)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=CONTENT_TYPE)


class Formatter(ExceptionFormatter):
    """The body of a problem: `code` and `detail` are those of its first error."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        if not isinstance(self.original_exc, exceptions.APIException) and self.exc.status_code == 500:
            return problem(500, "server_error", FAULT)
        field = self.exc.refusal.facts.get("field") if isinstance(self.exc, Refused) else None
        errors = [
            {"code": error.code, "detail": error.detail, "attr": _attribute(error.attr or field)}
            for error in error_response.errors
        ]
        if len(errors) == 1:
            told = _told(self.exc.refusal) if isinstance(self.exc, Refused) else {}
            return problem(self.exc.status_code, str(errors[0]["code"]), str(errors[0]["detail"]), errors) | told
        return problem(self.exc.status_code, "invalid_request", "Several fields are wrong.", errors)


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


def of_refusal(refusal: Refusal) -> dict[str, Any]:
    """The problem that tells of a refusal, where it stands inside an answer."""
    field = _attribute(refusal.facts.get("field"))
    error = {"code": refusal.code, "detail": refusal.detail, "attr": field}
    return problem(refusal.status, refusal.code, refusal.detail, [error]) | _told(refusal)


def _told(refusal: Refusal) -> dict[str, Any]:
    """The facts of a refusal that its problem carries as members of its own (RFC 9457, 3.2)."""
    return {name: refusal.facts[name] for name in refusal.told if name in refusal.facts}


def of_invalid(error: exceptions.ValidationError) -> dict[str, Any]:
    """The problem that tells of a body that is not as it must be, where it stands inside an answer."""
    formatter = Formatter(error, {}, error)  # type: ignore[typeddict-item]
    body: dict[str, Any] = formatter.run()
    return body


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """The answer for an address of the API that is none; the same as for a row that is not there."""
    return _plain(404, "not_found", NotFound.sentence)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return not_found(request) if _of_the_api(request) else defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """Where we failed; the request id leads to the log."""
    return _plain(500, "server_error", FAULT) if _of_the_api(request) else defaults.server_error(request)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_the_api(request):
        return _plain(403, "permission_denied", "This is not allowed.")
    return defaults.permission_denied(request, exception)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_the_api(request):
        return _plain(400, "bad_request", "The request is malformed.")
    return defaults.bad_request(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's page, and for the API a problem."""
    if _of_the_api(request):
        return _plain(403, "csrf_failed", "The CSRF token is missing or wrong.")
    return csrf.csrf_failure(request, reason)


def _of_the_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _plain(status_code: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem(status_code, code, detail), status=status_code, content_type=CONTENT_TYPE)


def _attribute(path: str | None) -> str | None:
    """The field's name as the caller wrote it: camelCase along the path."""
    return None if path is None else ".".join(camel(part) for part in path.split("."))
