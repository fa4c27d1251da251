"""Scopes, the route table and the OpenAPI document, from declarations alone."""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar
from litestar import get as bare_get
from openapi_spec_validator import validate

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    PUBLIC,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    Route,
    get,
    post,
    route_table,
)
from corebilling.platform.http.documents import Documents, content_security_policy
from corebilling.platform.http.openapi import document
from corebilling.platform.http.routing import UndeclaredScope, declared_handlers


class ParcelCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A parcel."""

    name: str
    weight: Decimal


class ParcelOut(msgspec.Struct):
    """A parcel as stored."""

    id: UUID
    name: str


class Counter:
    """Some service."""


@post("/v1/parcels", scope="billing:write", summary="Create a parcel")
async def create_parcel(
    data: ParcelCreate, edge: NamedDependency[Edge], counter: NamedDependency[Counter]
) -> Response[ParcelOut]:
    """Parcels are weighed later."""
    raise AssertionError


@get("/v1/parcels", scope="billing:read", summary="List parcels")
async def list_parcels(
    edge: NamedDependency[Edge], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[ParcelOut]:
    raise AssertionError


@get("/v1/parcels/{parcel_id:uuid}", scope=PUBLIC, summary="Read a parcel")
async def read_parcel(parcel_id: UUID) -> ParcelOut:
    raise AssertionError


@pytest.fixture
def app() -> Litestar:
    return Litestar([create_parcel, list_parcels, read_parcel], openapi_config=None)


@pytest.fixture
def openapi(app: Litestar) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(declared_handlers(app), "1.2.3")))
    return made


def test_the_route_table_has_scopes_and_no_aliases(app: Litestar) -> None:
    assert route_table(app) == [
        Route("GET", "/v1/parcels", "billing:read", "List parcels"),
        Route("POST", "/v1/parcels", "billing:write", "Create a parcel"),
        Route("GET", "/v1/parcels/{parcel_id}", None, "Read a parcel"),
    ]


def test_every_path_is_also_served_under_the_alias(app: Litestar) -> None:
    assert {route.path for route in app.routes} >= {"/v1/parcels", "/v1/billing/parcels"}


def test_a_handler_without_a_scope_is_found_out() -> None:
    @bare_get("/v1/open")
    async def opened() -> None: ...

    with pytest.raises(UndeclaredScope, match="GET /v1/open declares no scope"):
        route_table(Litestar([opened], openapi_config=None))


def test_the_document_is_valid_openapi(openapi: dict[str, Any]) -> None:
    validate(openapi)
    assert openapi["openapi"].startswith("3.1")


def test_a_body_shows_the_example_of_its_type(app: Litestar) -> None:
    example = {"weight": "2.5"}
    made = document(declared_handlers(app), "1.2.3", {ParcelCreate: example})
    (content,) = made["paths"]["/v1/parcels"]["post"]["requestBody"]["content"].values()
    assert content["example"] == example
    validate(msgspec.json.decode(msgspec.json.encode(made)))


def test_the_document_says_which_scope_a_route_needs(openapi: dict[str, Any]) -> None:
    operation = openapi["paths"]["/v1/parcels"]["post"]
    assert operation["security"] == [{"ApiKey": ["billing:write"]}, {"Bearer": ["billing:write"]}]
    assert operation["description"] == "Parcels are weighed later."
    assert openapi["paths"]["/v1/parcels/{parcel_id}"]["get"]["security"] == []


def test_decimals_are_documented_as_strings_and_limits_of_parameters_are_kept(openapi: dict[str, Any]) -> None:
    parcel = openapi["components"]["schemas"]["ParcelCreate"]
    assert parcel["properties"]["weight"]["type"] == "string"
    assert parcel["additionalProperties"] is False
    limit = next(p for p in openapi["paths"]["/v1/parcels"]["get"]["parameters"] if p.get("name") == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}


def test_aliases_stay_out_of_the_document(openapi: dict[str, Any]) -> None:
    assert not [path for path in openapi["paths"] if path.startswith("/v1/billing")]


def test_the_docs_page_asks_no_other_host_for_anything() -> None:
    page = Documents("1")._page
    assert not re.search(r"https?://|src=|@import|url\(", page)


def test_the_docs_policy_lets_only_its_own_inline_blocks_run() -> None:
    policy = content_security_policy("<style>a{}</style><script>b()</script>")
    assert policy.count("sha256-") == 2
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
