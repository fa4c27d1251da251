"""Puts the application together. Every handler must have declared its scope, or it doesn't start."""

from collections.abc import Sequence
from types import MappingProxyType

import msgspec
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import DomainError
from corebilling.platform.db import Database
from corebilling.platform.health import ALIVE, Health, HealthReport
from corebilling.platform.http import problem
from corebilling.platform.http.access import AccessLayer
from corebilling.platform.http.auth import Authenticator, ScopeGuard
from corebilling.platform.http.body import MAX_BODY_BYTES
from corebilling.platform.http.documents import Documents
from corebilling.platform.http.exchange import Dependencies, Surroundings
from corebilling.platform.http.openapi import Examples
from corebilling.platform.http.routing import PUBLIC, declaration_of, declared_handlers, get

_JSON = "application/json"


class MissingDependency(RuntimeError):
    """A handler asks for a service that the application isn't given; it refuses to start."""


def http_app(
    *,
    routes: Sequence[HTTPRouteHandler],
    dependencies: Dependencies,
    authenticator: Authenticator,
    database: Database,
    clock: Clock,
    health: Health,
    version: str,
    max_body_bytes: int = MAX_BODY_BYTES,
    examples: Examples = MappingProxyType({}),
) -> Litestar:
    """The application: the contexts' routes, health and documents, with all that surrounds a request.

    Raises UndeclaredScope for a handler without a scope, and MissingDependency.
    """
    documents = Documents(version, examples)
    for handler in routes:
        for name in declaration_of(handler).endpoint.dependencies:
            if name not in dependencies:
                raise MissingDependency(
                    f"{handler} asks for '{name}', which isn't among the dependencies; add it in container/"
                )
    app = Litestar(
        route_handlers=[*routes, *_health_routes(health), *documents.routes],
        guards=[ScopeGuard(authenticator)],
        exception_handlers={
            DomainError: problem.handle_domain_error,
            problem.Refusal: problem.handle_refusal,
            HTTPException: problem.handle_http_exception,
            Exception: problem.handle_unexpected,
        },
        request_max_body_size=max_body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    documents.describe(declared_handlers(app))
    app.asgi_handler = AccessLayer(app.asgi_handler, Surroundings(database, clock, dependencies))
    return app


def _health_routes(health: Health) -> list[HTTPRouteHandler]:
    @get("/healthz", scope=PUBLIC, summary="Whether the process lives")
    async def healthz() -> Response[bytes]:
        return Response(ALIVE, media_type=_JSON)

    @get("/ready", scope=PUBLIC, summary="Whether every part that the process needs answers")
    async def ready() -> Response[HealthReport]:
        report = await health.report()
        return Response(msgspec.json.encode(report), status_code=report.http_status, media_type=_JSON)  # type: ignore[arg-type]

    return [healthz, ready]
