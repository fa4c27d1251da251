"""The AsyncAPI document follows the specification, and its examples are what its schemas say."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from corebilling.events.catalog import CATALOG, EventType
from corebilling.platform.bus.wire import decode_event, decode_payload
from corebilling.platform.eventlog import asyncapi, catalog, samples

SPECIFICATION = Path(__file__).parent / "asyncapi" / "schema-3.0.0.json"
BY_SUBJECT = pytest.mark.parametrize("event", CATALOG, ids=lambda event: event.subject)


@cache
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(msgspec.json.encode(asyncapi.document("1.2.3")))
    return made


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (inner for name, inner in value.items() if name == "$ref")
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def target(reference: str) -> Any:
    found: Any = document()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_the_document_follows_the_specification() -> None:
    errors = Draft7Validator(json.loads(SPECIFICATION.read_text())).iter_errors(document())
    assert [(list(error.path), error.message) for error in errors] == []


def test_the_specification_refuses_what_is_none() -> None:
    specification = Draft7Validator(json.loads(SPECIFICATION.read_text()))
    for wrong in (
        {"asyncapi": "2.6.0"},
        {"operations": {"o": {"action": "push"}}},
        {"channels": {"c": {"adress": "x"}}},
    ):
        assert not specification.is_valid(document() | wrong)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(document()))
    assert len(found) > len(CATALOG)
    assert all(target(reference) for reference in found)


def test_all_events_are_on_the_bus_and_the_public_ones_in_webhooks() -> None:
    channels = document()["channels"]
    assert list(channels["bus"]["messages"]) == [row.subject for row in CATALOG]
    assert list(channels["webhook"]["messages"]) == [row.subject for row in CATALOG if row.public]


@BY_SUBJECT
def test_examples_are_what_the_schemas_say_and_what_the_product_reads(event: EventType) -> None:
    data = samples.payload(event)
    checked = Draft202012Validator(catalog.schema(event), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in checked.iter_errors(data)] == []
    assert set(data) == {field.encode_name for field in msgspec.structs.fields(event.payload)}
    read = decode_payload(decode_event(msgspec.json.encode(samples.cloud_event(event))))
    assert (type(read.payload), read.version) == (event.payload, event.version)
    kinds = ("bus", "webhook") if event.public else ("bus",)
    for kind in kinds:
        message = document()["components"]["messages"][f"{kind}.{event.subject}"]
        whole = {**message["payload"], "components": document()["components"]}
        for example in message["examples"]:
            assert [error.message for error in Draft202012Validator(whole).iter_errors(example["payload"])] == []
