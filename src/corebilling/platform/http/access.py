"""The outermost layer: every request gets an id, a span, a log line and a count, whatever becomes of it."""

import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from loguru import logger
from opentelemetry import propagate
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter, Histogram

from corebilling.kernel.ids import new_id
from corebilling.platform.correlation import current_correlation_id
from corebilling.platform.http.exchange import Exchange, Surroundings
from corebilling.platform.http.problem import PROBLEM_JSON, TITLES, Problem
from corebilling.platform.logging import log_access
from corebilling.platform.telemetry import tracer, tracing

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Send

REQUESTS = Counter("billing_http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "billing_http_request_duration_seconds",
    "From the first byte of the request to the last of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_SANE_ID = re.compile(rb"^[A-Za-z0-9._\-]{8,128}$")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_NO_ROUTE = "unmatched"
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]
"""On every answer; a handler's own header of that name wins."""


class AccessLayer:
    """Wraps the application, also where no route matches or an error handler itself fails."""

    def __init__(self, app: "ASGIApp", surroundings: Surroundings) -> None:
        self._app = app
        self._surroundings = surroundings

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not tracing():
            await self._serve(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = _method(scope)
        with tracer().start_as_current_span(method, propagate.extract(carrier), SpanKind.SERVER) as span:
            status = await self._serve(scope, receive, send)
            route = _route(scope)
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            )
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    async def _serve(self, scope: Any, receive: "Receive", send: "Send") -> int:
        started = time.perf_counter()
        request_id, correlation_id = _ids(scope["headers"])
        current_correlation_id.set(correlation_id)
        exchange = Exchange(self._surroundings, request_id)
        exchange.attach(scope)
        status = 0

        async def answer(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_missing(message["headers"], request_id)]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:  # noqa: BLE001 - nothing of it may reach the server, which would print it
            logger.exception("{} {} failed outside its error handler", _method(scope), _route(scope))
            if not status:
                await _send_failure(answer, request_id)
        finally:
            _account(scope, exchange, status or 499, time.perf_counter() - started)
        return status


def _ids(headers: list[tuple[bytes, bytes]]) -> tuple[str, UUID]:
    """The request id, the caller's if it is sane, and the correlation id: the same where it is a UUID."""
    fresh = new_id()
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.match(value):
            given = value.decode("ascii")
            try:
                return given, UUID(given)
            except ValueError:
                return given, fresh
    return str(fresh), fresh


def _missing(given: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    names = {name for name, _ in given}
    extra = [(b"x-request-id", request_id.encode("ascii"))]
    extra += [header for header in _SECURITY if header[0] not in names]
    return extra


def _method(scope: Any) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "OTHER"


def _route(scope: Any) -> str:
    """The route's template, never the raw path: labels and span names must stay few."""
    route: str = scope.get("path_template", _NO_ROUTE)
    return route


def _account(scope: Any, exchange: Exchange, status: int, seconds: float) -> None:
    method, route = _method(scope), _route(scope)
    counter, histogram = _series(method, route, status)
    counter.inc()
    histogram.observe(seconds)
    principal = exchange.principal
    log_access(
        method,
        route,
        status,
        seconds * 1000,
        request_id=exchange.request_id,
        tenant_id=str(principal.tenant_id) if principal and principal.tenant_id else None,
        caller=principal.subject if principal else None,
    )


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, str(status)), DURATION.labels(method, route)


async def _send_failure(send: "Send", request_id: str) -> None:
    body = msgspec.json.encode(
        Problem(
            type="/problems/internal_error",
            title=TITLES[500],
            status=500,
            detail="an unexpected error happened and was recorded; quote the request id when you report it",
            instance=f"urn:request:{request_id}",
            code="internal_error",
        )
    )
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
