"""From a handler as contexts write it to a function that Litestar can call quickly.

Litestar's own way costs what single usage posts can't afford: it resolves two dependencies in a task group, and it
decodes the body to dicts before converting them, by which a decimal number becomes a float and `"1"` passes for 1.
So the body is decoded in one step, by a decoder made once, and services are looked up by name.
"""

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from litestar.connection import Request
from litestar.di import NamedDependency
from litestar.params import ParameterKwarg, PathParameter, QueryParameter
from litestar.response import Response
from litestar.types import ASGIApp

from corebilling.platform.http.body import JsonBody, refuse_nul
from corebilling.platform.http.edge import Edge
from corebilling.platform.http.exchange import exchange_of
from corebilling.platform.http.instants import check_parameter

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

_MARK = get_args(NamedDependency[int])[1]
_EDGE = "edge"
_DATA = "data"
_REQUEST = "request"
_LITESTARS = frozenset({"body", "headers", "query", "cookies", "scope", "state"})  # parameters it fills in by name


class Answer:
    """A JSON body on its way out. Litestar's own response costs a tenth of a small request."""

    __slots__ = ("_body", "_status")

    def __init__(self, status: int, body: bytes) -> None:
        self._status = status
        self._body = body

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


class Endpoint:
    """One handler taken apart: its body type, the names of its dependencies, and the `function` Litestar gets.

    What a handler returns is encoded here, unless it returns a response, bytes or text.
    """

    def __init__(self, path: str, handler: Callable[..., Awaitable[Any]], status_code: int) -> None:
        hints = get_type_hints(handler, include_extras=True)
        signature = inspect.signature(handler)
        self.handler = handler
        self.dependencies = tuple(n for n in signature.parameters if _is_dependency(hints.get(n)) and n != _EDGE)
        self.wants_edge = _EDGE in signature.parameters
        self.body = JsonBody(hints[_DATA]) if _DATA in signature.parameters else None
        self.returns = hints.get("return", Any)
        self._status_code = status_code
        response = (get_origin(self.returns) or self.returns) is Response
        self._encodes = not response and self.returns not in (None, type(None), bytes, str, Any)
        ours = {*self.dependencies, _EDGE, _DATA, _REQUEST}
        self.parameters = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=_marked(path, name, hints.get(name, Any)))
            for name, p in signature.parameters.items()
            if name not in ours
        ]
        self.pointers = {p.name: _pointer(p) for p in self.parameters}
        self.kinds = {p.name: get_args(p.annotation)[0] for p in self.parameters if get_args(p.annotation)}
        self.function = self._adapted(signature)

    def _adapted(self, signature: inspect.Signature) -> Callable[..., Awaitable[Any]]:
        handler, body, dependencies, wants_edge = self.handler, self.body, self.dependencies, self.wants_edge
        passes_request = _REQUEST in signature.parameters
        pointers, status_code, encodes = self.pointers, self._status_code, self._encodes

        async def call(*, request: Request[Any, Any, Any], **arguments: Any) -> Any:
            for name, value in arguments.items():
                if isinstance(value, str) and "\x00" in value:
                    refuse_nul(value, pointers[name])
                elif isinstance(value, datetime):
                    check_parameter(value, pointers[name])
            exchange = exchange_of(request)
            if passes_request:
                arguments[_REQUEST] = request
            if wants_edge:
                arguments[_EDGE] = Edge(exchange, request)
            if body is not None:
                arguments[_DATA] = await body.read(request)
            services = exchange.surroundings.dependencies
            for name in dependencies:
                arguments[name] = services[name]()
            answer = await handler(**arguments)
            return Answer(status_code, msgspec.json.encode(answer)) if encodes else answer

        request = inspect.Parameter(_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request[Any, Any, Any])
        call.__signature__ = signature.replace(parameters=[request, *self.parameters])  # type: ignore[attr-defined]
        returns = ASGIApp if encodes else self.returns
        call.__annotations__ = {p.name: p.annotation for p in (request, *self.parameters)} | {"return": returns}
        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(call, attribute, getattr(handler, attribute))
        return call


def _is_dependency(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(mark is _MARK for mark in get_args(hint)[1:])


def _pointer(parameter: inspect.Parameter) -> str:
    """Where problems say the parameter is: `/query/from`."""
    marks = get_args(parameter.annotation)[1:]
    place = next((mark for mark in marks if isinstance(mark, ParameterKwarg)), None)
    return f"/{place.param_type.value}/{place.name or parameter.name}" if place else f"/query/{parameter.name}"


def _marked(path: str, name: str, hint: Any) -> Any:
    """The hint with its place said, as Litestar wants it: in the path if the template names it, else in the query."""
    said = get_origin(hint) is Annotated and any(isinstance(mark, ParameterKwarg) for mark in get_args(hint)[1:])
    if said or name in _LITESTARS:
        return hint
    in_path = f"{{{name}}}" in path or f"{{{name}:" in path
    return Annotated[hint, PathParameter() if in_path else QueryParameter()]
