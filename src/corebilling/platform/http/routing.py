"""Handlers declare who may call them: `get`, `post`, `put`, `patch`, `delete` demand a scope and a summary.

    @post("/v1/customers", scope="billing:write", status_code=201, summary="Create a customer")
    async def create_customer(
        data: CustomerCreate, edge: NamedDependency[Edge], customer_service: NamedDependency[CustomerService]
    ) -> Response[CustomerOut]: ...

`data` is decoded from the body straight into its type; parameters marked NamedDependency come from the
application's dependencies by name (`edge` from the request); all others are path and query parameters as Litestar
reads them. The route table built from these declarations feeds `corebilling routes`, the OpenAPI document and Kong.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler

from corebilling.platform.http.endpoint import Endpoint

PREFIX = "/v1/"
ALIAS_PREFIX = "/v1/billing/"
ENDPOINT = "endpoint"
_JSON = "application/json"


class Public:
    """The type of `PUBLIC`."""

    def __repr__(self) -> str:
        return "PUBLIC"


PUBLIC: Final = Public()
"""Said instead of a scope where no credential is asked for."""

Scope = str | Public
HandlerFunction = Callable[..., Awaitable[Any]]
Decorator = Callable[[HandlerFunction], HTTPRouteHandler]


class Declaration(msgspec.Struct, frozen=True):
    """What a handler declared about itself."""

    scope: Scope
    summary: str
    description: str
    endpoint: Endpoint
    consumes: Mapping[str, Any]
    produces: str


class Route(msgspec.Struct, frozen=True):
    """One row of the route table. `scope` None is public. Paths have parameters as `{name}`, aliases aren't listed."""

    method: str
    path: str
    scope: str | None
    summary: str


class UndeclaredScope(RuntimeError):
    """A handler doesn't say who may call it; the application refuses to start."""


class _Guarded(HTTPRouteHandler):
    """Hands guards the handler itself: the copy that Litestar makes for each request costs more than our guard does."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]


def get(path: str, *, scope: Scope, summary: str, status_code: int = 200, produces: str = _JSON) -> Decorator:
    """A GET handler. `produces` is the media type of its answer."""
    return _declared("GET", path, scope, summary, status_code, produces=produces)


def post(
    path: str,
    *,
    scope: Scope,
    summary: str,
    status_code: int = 201,
    consumes: Mapping[str, Any] = MappingProxyType({}),
    produces: str = _JSON,
) -> Decorator:
    """A POST handler. `status_code` is documented; what is sent is what the handler's response says.

    `consumes` documents the body of a handler that reads `request.body()` itself: a type for each media type.
    """
    return _declared("POST", path, scope, summary, status_code, consumes, produces)


def put(
    path: str,
    *,
    scope: Scope,
    summary: str,
    status_code: int = 200,
    consumes: Mapping[str, Any] = MappingProxyType({}),
) -> Decorator:
    """A PUT handler; `consumes` as of `post`."""
    return _declared("PUT", path, scope, summary, status_code, consumes)


def patch(path: str, *, scope: Scope, summary: str, status_code: int = 200) -> Decorator:
    """A PATCH handler."""
    return _declared("PATCH", path, scope, summary, status_code)


def delete(path: str, *, scope: Scope, summary: str, status_code: int = 204) -> Decorator:
    """A DELETE handler."""
    return _declared("DELETE", path, scope, summary, status_code)


def _declared(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    scope: Scope,
    summary: str,
    status_code: int,
    consumes: Mapping[str, Any] = MappingProxyType({}),
    produces: str = _JSON,
) -> Decorator:
    paths = [path]
    if path.startswith(PREFIX):
        paths.append(ALIAS_PREFIX + path.removeprefix(PREFIX))

    def decorate(function: HandlerFunction) -> HTTPRouteHandler:
        endpoint = Endpoint(path, function, status_code)
        bodies = {_JSON: endpoint.body.type} if endpoint.body else consumes
        declaration = Declaration(scope, summary, (function.__doc__ or "").strip(), endpoint, bodies, produces)
        handler = _Guarded(
            paths,
            http_method=method,
            opt={ENDPOINT: declaration},
            status_code=status_code,
            media_type=produces,
        )
        return handler(endpoint.function)

    return decorate


def declaration_of(handler: HTTPRouteHandler) -> Declaration:
    """What the handler declared. Raises UndeclaredScope for one made without our decorators."""
    declaration = handler.opt.get(ENDPOINT)
    if not isinstance(declaration, Declaration):
        raise UndeclaredScope(
            f"{', '.join(sorted(handler.http_methods))} {', '.join(sorted(handler.paths))} declares no scope; use the "
            "decorators of corebilling.platform.http with scope='...' or scope=PUBLIC"
        )
    return declaration


def declared_handlers(
    app: Litestar,
) -> list[tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], str, HTTPRouteHandler]]:
    """(method, path as `/v1/things/{id}`, handler) of everything the application serves, without aliases, in order of path.

    Raises UndeclaredScope as `declaration_of` does.
    """
    found = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                declaration_of(handler)
                if not route.path.startswith(ALIAS_PREFIX):
                    found.append((method, _template(route), handler))
    return sorted(found, key=lambda row: (row[1], row[0]))


def route_table(app: Litestar) -> list[Route]:
    """Every route with its scope, ordered by path and method."""
    rows = []
    for method, path, handler in declared_handlers(app):
        declaration = declaration_of(handler)
        scope = declaration.scope if isinstance(declaration.scope, str) else None
        rows.append(Route(method, path, scope, declaration.summary))
    return rows


def _template(route: Any) -> str:
    """`/v1/plans/{id:uuid}` as `/v1/plans/{id}`."""
    return "/" + "/".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in route.path_components)
