from typing import Any

import msgspec
import pytest

from corebilling.kernel.errors import Invalid
from corebilling.platform.eventlog import own_schemas
from corebilling.platform.eventlog.own_schemas import (
    MOST_BYTES,
    MOST_LEVELS,
    MOST_PATTERNS,
    MOST_SUBSCHEMAS,
    check_schema,
    too_deep,
)

ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://shop.example/order.json",
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "pattern": "^order-[0-9]+$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/a~1line"}},
        "placed": {"type": "string", "format": "date-time"},
        "$ref": {"type": "string"},
    },
    "unevaluatedProperties": False,
    "$defs": {"a/line": {"properties": {"quantity": {"type": "integer", "minimum": 1}}}},
}


def misfit(stored: str, data: Any) -> own_schemas.Misfit | None:
    return own_schemas.misfit(stored, data, len(msgspec.json.encode(data)))


def nested(levels: int) -> Any:
    made: Any = {}
    for _ in range(levels - 1):
        made = {"not": made}
    return made


def doubling(levels: int) -> dict[str, Any]:
    """Alternatives that refer to alternatives: 2^levels subschemas for one value."""
    each = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**each, f"d{levels}": {"type": "string"}}}


def test_a_schema_that_is_taken_tells_where_data_does_not_fit() -> None:
    stored = check_schema(ORDER, "/json_schema")
    assert misfit(stored, {"id": "order-1", "lines": [{"quantity": 2}], "$ref": "x"}) is None
    for data, pointer in (
        ({"id": "order-1", "lines": [{"quantity": 1}, {"quantity": 0}]}, "/lines/1/quantity"),
        ({"id": "order-x", "lines": []}, "/id"),
        ({"id": "order-1", "lines": [], "placed": "yesterday"}, "/placed"),
        ({"id": "order-1"}, ""),
        ({"id": "order-1", "lines": [], "more": 1}, ""),
        ([], ""),
    ):
        found = misfit(stored, data)
        assert found is not None, data
        assert found[0] == pointer
        assert 0 < len(found[1]) <= 200


@pytest.mark.parametrize(
    ("schema", "pointer", "word"),
    [
        pytest.param({"type": "strnig"}, "/type", "strnig", id="not a schema"),
        pytest.param({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "2020-12", id="older dialect"),
        pytest.param({"$ref": "https://shop.example/x.json"}, "/$ref", "outside", id="remote reference"),
        pytest.param({"$ref": "file:///etc/passwd"}, "/$ref", "outside", id="reference to a file"),
        pytest.param({"$ref": "#/$defs/gone"}, "/$ref", "#/$defs/gone", id="dangling reference"),
        pytest.param({"properties": {"a": {"$ref": "#"}}}, "/properties/a/$ref", "itself", id="recursion"),
        pytest.param(
            {"properties": {"a": {"items": {"$ref": "#/properties/a"}}}},
            "/properties/a/items/$ref",
            "itself",
            id="recursion below",
        ),
        pytest.param({"items": {"$id": "https://x.example"}}, "/items/$id", "$id", id="another base"),
        pytest.param({"$dynamicRef": "#x"}, "/$dynamicRef", "$dynamicRef", id="dynamic reference"),
        pytest.param({"pattern": "(?=a)b"}, "/pattern", "look-around", id="look-ahead"),
        pytest.param({"pattern": "(x{1000}){1000}"}, "/pattern", "regex", id="a pattern that grows"),
        pytest.param({"not": {"unevaluatedProperties": False}}, "/not/unevaluatedProperties", "top", id="unevaluated"),
        pytest.param(nested(MOST_LEVELS + 1), "", "levels", id="too deep"),
        pytest.param({"description": "x" * MOST_BYTES}, "", "bytes", id="too long"),
        pytest.param({"allOf": [{}] * MOST_SUBSCHEMAS}, "", "subschemas", id="too many subschemas"),
        pytest.param(doubling(20), "", "subschemas", id="doubling"),
        pytest.param({"allOf": [{"pattern": "a"}] * (MOST_PATTERNS + 1)}, "", "patterns", id="too many patterns"),
        pytest.param(
            {"patternProperties": {f"a{n}": {} for n in range(MOST_PATTERNS + 1)}}, "", "patterns", id="many names"
        ),
        pytest.param({"enum": [{"n": n} for n in range(1000)]}, "", "costs", id="objects to compare with"),
        pytest.param({"enum": [n + 0.5 for n in range(1000)]}, "", "costs", id="numbers to compare with"),
        pytest.param({"items": {"allOf": [{"multipleOf": 0.01}] * 16}}, "", "costs", id="fractions"),
        pytest.param({"multipleOf": 1e-300}, "/multipleOf", "smaller", id="a tiny fraction"),
    ],
)
def test_a_schema_that_is_wrong_or_could_cost_too_much_is_refused(
    schema: dict[str, Any], pointer: str, word: str
) -> None:
    with pytest.raises(Invalid) as caught:
        check_schema(schema, "/json_schema")
    (field,) = caught.value.fields
    assert field.pointer == f"/json_schema{pointer}", field
    assert word in field.detail


def test_the_widest_schema_that_is_taken_is_quick_on_the_largest_data() -> None:
    """No timing: an enumeration of all misfits would take minutes and gigabytes here, and hang the test."""
    choices = [{"type": "string", "minLength": n} for n in range(MOST_SUBSCHEMAS - 3)]
    stored = check_schema({"items": {"anyOf": choices}}, "")
    found = misfit(stored, [1] * 15_000)
    assert found is not None
    assert "too large to say where" in found[1]


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"anyOf": [{"uniqueItems": True, "minItems": 10**6}] * 200}, id="alternatives"),
        pytest.param({"items": {"multipleOf": 0.01}}, id="a fraction"),
        pytest.param({"items": {"enum": [*range(200), "x"]}}, id="numbers to compare with"),
        pytest.param({"items": {"allOf": [{"pattern": "[a-z]{0,600}[0-9]"}] * 2}}, id="large patterns"),
    ],
)
def test_data_that_would_take_long_to_be_checked_is_refused_unseen(schema: dict[str, Any]) -> None:
    stored = check_schema(schema, "")
    found = misfit(stored, [1e300] * 9000)
    assert found is not None
    assert "too much to be checked" in found[1]


def test_what_ordinary_schemas_cost_leaves_room_for_ordinary_data() -> None:
    price = {"type": "number", "minimum": 0, "multipleOf": 0.01}
    kinds = {"enum": ["card", "cash", None, 1, 2]}
    stored = check_schema(ORDER | {"properties": {**ORDER["properties"], "price": price, "kind": kinds}}, "")
    assert own_schemas.work(stored, 16_384) <= own_schemas.MOST_WORK


def test_depth_is_counted_to_the_limit() -> None:
    assert not too_deep(nested(MOST_LEVELS))
    assert too_deep(nested(MOST_LEVELS + 1))
    assert not too_deep("text")
