"""Requests made up from the OpenAPI document, fitting ones and others: every answer is one that the document promises."""

import json
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from routes_under_test import Operation, operations
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from two_worlds import World

from corebilling.cli.local import LocalInstallation
from factories import Api

EXAMPLES = 20
PROMISES = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def document(installation: LocalInstallation) -> dict[str, Any]:
    """What the installation says of itself, less the header by which the platform names a tenant."""
    import httpx

    told: dict[str, Any] = httpx.get(f"{installation.api.url}/openapi.json").json()
    for methods in told["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                p for p in operation.get("parameters", []) if "TenantId" not in p.get("$ref", "")
            ]
    return told


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_answer_is_as_documented(
    operation: Operation,
    document: dict[str, Any],
    installation: LocalInstallation,
    platform_key: str,
    worlds: tuple[World, World],
) -> None:
    described = _schema(json.dumps(document))[operation.path][operation.method]
    key = platform_key if operation.scope == "platform.admin" else worlds[0].key
    headers = {} if operation.scope is None else {"X-API-Key": key}

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=_requests(described))
    def answered(case: schemathesis.Case) -> None:
        answer = case.call(base_url=installation.api.url, headers=headers, timeout=30)
        case.validate_response(answer, checks=PROMISES)

    answered()


def _requests(described: Any) -> st.SearchStrategy[schemathesis.Case]:
    fitting = described.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not described.body and not list(described.iter_parameters()):
        return fitting
    return st.one_of(fitting, described.as_strategy(generation_mode=GenerationMode.NEGATIVE))


@cache
def _schema(document: str) -> Any:
    return schemathesis.openapi.from_dict(json.loads(document))


async def test_the_document_is_served_to_everybody_and_lists_every_route(installation: LocalInstallation) -> None:
    async with Api(installation.api.url) as nobody:
        told = await nobody.get("/openapi.json")
    listed = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert listed == {(o.method, o.path) for o in operations()}
