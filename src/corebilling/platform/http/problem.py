"""Errors as application/problem+json (RFC 9457). The only place that knows which error has which status."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.connection import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response
from loguru import logger

from corebilling.kernel.errors import DomainError, FieldError
from corebilling.platform.db.errors import sqlstate
from corebilling.platform.http.choices import with_choices
from corebilling.platform.http.exchange import exchange_of

PROBLEM_JSON = "application/problem+json"

STATUS: Mapping[str, int] = {
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "invalid": 422,
    "too_many": 429,
    "unavailable": 503,
}
"""Status of each kind of DomainError."""

TITLES: Mapping[int, str] = {
    400: "The request can't be read",
    401: "Who is calling isn't known",
    403: "The caller may not do this",
    404: "There is no such thing",
    405: "The method isn't offered here",
    409: "The present state refuses it",
    413: "The body is too large",
    415: "The body's type isn't understood",
    422: "The request is wrong",
    429: "Too many requests",
    500: "We failed",
    503: "A part we need doesn't answer",
}

_CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "no_such_route",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_ADVICE: Mapping[int, str] = {
    404: "nothing is served at this path; /openapi.json lists what is",
    405: "this path doesn't offer the method; see the Allow header",
    413: "the body is larger than 16 MiB; send it in several requests",
}
_RACES = ("23505", "23503")  # unique_violation, foreign_key_violation
_ABSENT = re.compile(r"Missing required query parameter '(?P<name>[^']+)'")
_DISCONNECTED = "client disconnected prematurely"


class Refusal(Exception):
    """The transport refuses a request before any domain has seen it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error answer. `type` is relative to the installation; `code` is stable and for machines."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[FieldError, ...] = ()


def problem_response(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    *,
    fields: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """An error answer. `instance` is the request's id, by which logs and traces can be found."""
    problem = Problem(
        type=f"/problems/{code}",
        title=TITLES.get(status, "The request failed"),
        status=status,
        detail=detail,
        instance=f"urn:request:{exchange_of(request).request_id}",
        code=code,
        errors=fields,
    )
    return Response(
        msgspec.json.encode(problem), status_code=status, media_type=PROBLEM_JSON, headers=dict(headers or {})
    )


def handle_domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[bytes]:
    """A typed error of the product."""
    status = STATUS[error.kind]
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="corebilling", ApiKey realm="corebilling"'
    return problem_response(request, status, error.code, error.message, fields=error.fields, headers=headers)


def handle_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    """An error of the transport."""
    return problem_response(request, error.status, error.code, error.message, headers=error.headers)


def handle_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself: no route, wrong method, body too large, parameters that don't fit."""
    if isinstance(error, ValidationException):
        return _parameters(request, error)
    if _DISCONNECTED in error.detail:
        return problem_response(request, 400, "incomplete_body", "the connection ended before the body did")
    if error.status_code >= 500:
        return handle_unexpected(request, error)
    status = error.status_code
    code = _CODES.get(status, "bad_request")
    detail = _ADVICE.get(status, "the request can't be read; correct it and send it again")
    return problem_response(request, status, code, detail, headers=error.headers)


def handle_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours: logged in full, answered with nothing but the request's id.

    One that isn't: of two requests that make the same thing at once, the database refuses the second.
    """
    if sqlstate(error) in _RACES:
        detail = "another request changed the same thing at the same time; look at it and send this one again"
        return problem_response(request, 409, "concurrent_change", detail)
    logger.opt(exception=error).error("{} {} failed", request.method, request.scope.get("path_template", "-"))
    detail = "an unexpected error happened and was recorded; quote the request id when you report it"
    return problem_response(request, 500, "internal_error", detail)


def _parameters(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    fields = []
    extra: Any = error.extra
    declared: Any = request.route_handler.opt.get("endpoint")  # a routing.Declaration; it knows names on the wire
    for item in extra if isinstance(extra, list) else []:
        place = item.get("source") or "query"
        pointer = f"/{getattr(place, 'value', place)}/{item.get('key', '')}".rstrip("/")
        if declared is not None:
            pointer = declared.endpoint.pointers.get(item.get("key"), pointer)
        detail = str(item.get("message", "")).replace("`", "")
        if declared is not None:
            detail = with_choices(detail, declared.endpoint.kinds.get(item.get("key"), Any))
        fields.append(FieldError(pointer, detail[:1].lower() + detail[1:]))
    if not fields:
        absent = _ABSENT.match(error.detail)
        name = f"/{absent['name']}" if absent else ""
        fields = [FieldError(f"/query{name}", "is missing; send it" if absent else "a parameter doesn't fit")]
    detail = "; ".join(f"{field.pointer}: {field.detail}" for field in fields)
    return problem_response(request, 422, "invalid_parameter", detail, fields=tuple(fields))
