"""The OpenAPI 3.1 document, made from the routes' own declarations and types."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, PathParameter
from litestar.response import Response

from corebilling.platform.http.json_schema import components
from corebilling.platform.http.problem import PROBLEM_JSON, Problem
from corebilling.platform.http.routing import PREFIX, Declaration, declaration_of

Handlers = Sequence[tuple[str, str, HTTPRouteHandler]]

Examples = Mapping[Any, Any]
"""A JSON value for each type of request body, as a caller would send it."""

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_COMMON: dict[str, Any] = {
    "parameters": {
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key and request again get the same answer, and the effect happens once. Kept for at least a day.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
        },
        "TenantId": {
            "name": "X-Tenant-ID",
            "in": "header",
            "description": "The tenant, for callers with a platform scope; nobody else may send it.",
            "schema": {"type": "string", "format": "uuid"},
        },
    },
    "securitySchemes": {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Claims `tenant_id` and `scope`; the scopes that a route needs stand at the route.",
        },
    },
}
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}


def document(handlers: Handlers, version: str, examples: Examples = MappingProxyType({})) -> dict[str, Any]:
    """The document for everything served; aliases stay out of it. Bodies show the examples of their types."""
    types = [Problem, *_types(handlers)]
    schemas, named = components(types, ref_template="#/components/schemas/{name}")
    known = list(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for method, path, handler in handlers:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, handler, known, examples)
    problem = {
        "description": "What went wrong and what to do about it",
        "content": {PROBLEM_JSON: {"schema": schemas[0]}},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "corebilling",
            "version": version,
            "summary": "Usage in, invoices right to the cent out.",
            "description": "Every path under /v1 is also served under /v1/billing.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {**_COMMON, "schemas": named, "responses": {"Problem": problem}},
    }


def _types(handlers: Handlers) -> Iterator[Any]:
    for _, _, handler in handlers:
        declaration = declaration_of(handler)
        yield from declaration.consumes.values()
        yield from (_bare(parameter.annotation) for parameter in _parameters(declaration))
        answer = _answer_type(declaration)
        if answer is not None:
            yield answer


def _operation(
    method: str, path: str, handler: HTTPRouteHandler, known: list[tuple[Any, Any]], examples: Examples
) -> dict[str, Any]:
    declaration = declaration_of(handler)
    parameters = [_parameter(parameter, known) for parameter in _parameters(declaration)]
    answer = _answer_type(declaration)
    success: dict[str, Any] = {"description": HTTPStatus(handler.status_code).phrase}
    if answer is not None:
        success["content"] = {declaration.produces: {"schema": _schema(answer, known)}}
    elif handler.status_code != HTTPStatus.NO_CONTENT:
        success["content"] = {declaration.produces: {}}
    operation: dict[str, Any] = {
        "operationId": handler.handler_name.rpartition(".")[2],
        "summary": declaration.summary,
        "tags": [_tag(path)],
        "responses": {str(handler.status_code): success, "default": _PROBLEM},
        "security": [],
    }
    if declaration.description:
        operation["description"] = declaration.description
    if isinstance(declaration.scope, str):
        operation["security"] = [{"ApiKey": [declaration.scope]}, {"Bearer": [declaration.scope]}]
        parameters.append({"$ref": "#/components/parameters/TenantId"})
        if method == "POST":
            parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if parameters:
        operation["parameters"] = parameters
    if declaration.consumes:
        content = {
            media: {"schema": _schema(kind, known)} | ({"example": examples[kind]} if kind in examples else {})
            for media, kind in declaration.consumes.items()
        }
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(declaration: Declaration) -> list[inspect.Parameter]:
    return [p for p in declaration.endpoint.parameters if _place(p) is not None]


def _place(parameter: inspect.Parameter) -> ParameterKwarg | None:
    marks = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, ParameterKwarg)), None)


def _parameter(parameter: inspect.Parameter, known: list[tuple[Any, Any]]) -> dict[str, Any]:
    place = _place(parameter)
    assert place is not None
    schema = dict(_schema(_bare(parameter.annotation), known))
    for ours, theirs in _LIMITS.items():
        limit = getattr(place, ours)
        if limit is not None:
            schema[theirs] = limit
    required = isinstance(place, PathParameter) or parameter.default is inspect.Parameter.empty
    if not required and parameter.default is not None:
        schema["default"] = msgspec.to_builtins(parameter.default)
    described = {
        "name": place.name or parameter.name,
        "in": place.param_type.value,
        "required": required,
        "schema": schema,
    }
    return described | ({"description": place.description} if place.description else {})


def _schema(kind: Any, known: list[tuple[Any, Any]]) -> Any:
    return next(schema for candidate, schema in known if candidate is kind or candidate == kind)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0]


def _answer_type(declaration: Declaration) -> Any:
    """The JSON type of a success; None where there is no body, or not a JSON one."""
    returns = declaration.endpoint.returns
    if get_origin(returns) is Response:
        returns = get_args(returns)[0]
    return None if returns in (None, type(None), bytes, str, Any) else returns


def _tag(path: str) -> str:
    if not path.startswith(PREFIX):
        return "installation"
    return next(part for part in path.removeprefix(PREFIX).split("/") if part != "admin")
