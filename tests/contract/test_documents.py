"""The documents made from the code are committed as they would be made now, and are what they claim to be."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from corebilling.events.catalog import CATALOG, EventType
from corebilling.events.usage import ReportedSeries, UsageReported

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "docs" / "events"
BY_SUBJECT = pytest.mark.parametrize("event", CATALOG, ids=lambda event: event.subject)


def schema_of(event: EventType) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{event.subject}.json").read_text())
    return found


def test_no_generated_document_is_stale() -> None:
    done = subprocess.run(
        [sys.executable, "tools/documents.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_openapi_document_follows_the_specification() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert not [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert len(document["paths"]) > 40


def test_no_name_in_the_openapi_document_tells_of_a_module() -> None:
    """Two structs of the same name would be told apart by their modules, in every generated client."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    assert not [name for name in schemas if "." in name]


@BY_SUBJECT
def test_a_schema_is_a_schema_and_says_what_the_catalog_says(event: EventType) -> None:
    schema = schema_of(event)
    Draft202012Validator.check_schema(schema)
    assert (schema["title"], schema["version"], schema["public"]) == (event.subject, event.version, event.public)
    assert (schema["publisher"], schema["resource"]) == (event.publisher, event.resource)
    assert set(schema["properties"]) == {field.encode_name for field in msgspec.structs.fields(event.payload)}


def test_a_schema_accepts_its_payload_as_it_is_sent_and_refuses_another() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = UUID("0192f1c6-0000-7000-8000-000000000001")
    sent = json.loads(msgspec.json.encode(UsageReported(one, [ReportedSeries(one, one, at, at, 3)])))
    schema = schema_of(next(event for event in CATALOG if event.payload is UsageReported))
    checked = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert checked.is_valid(sent)
    assert not checked.is_valid({**sent, "flush_id": "not an id"})
    assert schema["$defs"]["ReportedSeries"]["properties"]["first_at"] == {"type": "string", "format": "date-time"}
