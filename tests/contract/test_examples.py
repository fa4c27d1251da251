"""Every request body of the API has an example in the OpenAPI document, and the route that takes it can read it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from corebilling.container import Container
from corebilling.kernel.plan import PriceKind
from corebilling.platform.http.body import JsonBody
from corebilling.platform.http.decimals import check_decimals
from corebilling.platform.http.openapi import document
from corebilling.platform.http.routing import declaration_of, declared_handlers
from corebilling.rating.checks import PriceChecks
from corebilling.roles.api import EXAMPLES, application
from corebilling.settings import Settings

APP = application(Container(settings=Settings(database_url="postgresql://", environment="development")))
HANDLERS = [row for row in declared_handlers(APP) if row[1].startswith("/v1/")]
BODIES = [
    pytest.param(kind, id=f"{method} {path} {media}")
    for method, path, handler in HANDLERS
    for media, kind in declaration_of(handler).consumes.items()
    if media.endswith("json")
]
"""Pictures have no example that could be read."""


def definitions(value: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Every price definition inside a body: what stands under `price` or `definition`, or there by currency."""
    if isinstance(value, dict):
        if name in {"price", "definition", "currencies"} and "model" in value:
            yield value
        for key, inner in value.items():
            yield from definitions(inner, name if name == "currencies" else key)
    elif isinstance(value, list):
        for inner in value:
            yield from definitions(inner, name)


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_has_an_example_that_its_route_can_read(kind: Any) -> None:
    assert kind in EXAMPLES, f"add an example of {kind} to the EXAMPLES of its context"
    decoded = msgspec.json.decode(msgspec.json.encode(EXAMPLES[kind]), type=JsonBody(kind).type)
    check_decimals(decoded)
    prices: PriceKind = "usage"
    for definition in definitions(EXAMPLES[kind]):
        PriceChecks().check(msgspec.json.encode(definition), prices, "EUR", "/price")


def test_every_route_that_takes_a_body_says_so() -> None:
    """PUT and PATCH always do; a POST without a body acts on what its path names."""
    silent = {
        f"{method} {path}"
        for method, path, handler in HANDLERS
        if method in {"PUT", "PATCH"} and not declaration_of(handler).consumes
    }
    assert not silent


def test_the_document_shows_them() -> None:
    shown = [
        content
        for path in document(declared_handlers(APP), "0", EXAMPLES)["paths"].values()
        for operation in path.values()
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
        if media.endswith("json")
    ]
    assert len(shown) >= len(BODIES)
    assert all("example" in content for content in shown)


def test_no_example_is_left_of_a_body_that_nobody_takes() -> None:
    taken = [kind for _, _, handler in HANDLERS for kind in declaration_of(handler).consumes.values()]
    assert [kind for kind in EXAMPLES if kind not in taken] == []
