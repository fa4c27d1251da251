"""Tenants' own JSON schemas: which may be registered, and whether data fits one.

Data of one tenant is checked in a process that serves all, so a schema must be cheap whatever data it meets. Patterns run
in linear time; references go nowhere but into the schema, and never in circles; the subschemas that one place of the data
can meet are counted with references written out, because nested alternatives that refer to one another double the work at
each step; what they weigh (schema_weights.py), times the size of the data, has a bound. Only the first misfit is looked for:
collecting all of them takes quadratic time and memory.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from corebilling.kernel.errors import Invalid, invalid_field
from corebilling.platform.eventlog.schema_weights import LARGEST_REGEX_BYTES, SMALLEST_MULTIPLE, weight

MOST_BYTES = 32 * 1024
MOST_LEVELS = 64
MOST_SUBSCHEMAS = 250
MOST_PATTERNS = 20
MOST_WORK = 8_000_000
"""Weight of a schema times bytes of data: 64 KiB for a schema of 120 plain subschemas, at worst some tenths of a second."""
LEAST_DATA_BYTES = 2048
"""What every schema that is taken must be able to check."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_LONGEST_DETAIL = 200
_DETAILED_WORK = 500_000
"""Up to here a misfit is described. Alternatives keep a copy of the data each while they are, which is ten times the work."""
_ONE = frozenset(
    {
        "additionalProperties",
        "additionalItems",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "contentSchema",
    }
)
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
_TOP_ONLY = frozenset({"unevaluatedProperties", "unevaluatedItems"})
_ELSEWHERE = frozenset({"$id", "$schema", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$vocabulary"})
_ALLOWED_AT_TOP = frozenset({"/$id", "/$schema"})

Misfit = tuple[str, str]
"""(JSON pointer into the data, what is wrong there)"""

_NO_PATTERN = 'is not a "regex"'


def check_schema(schema: dict[str, Any], pointer: str) -> str:
    """The schema as it is stored. Raises `Invalid`, pointing below `pointer`, for one that isn't JSON Schema 2020-12 or
    that goes beyond the limits above."""
    if too_deep(schema):
        raise _refused(pointer, f"nested deeper than {MOST_LEVELS} levels; make it flatter")
    text = msgspec.json.encode(schema).decode()
    if len(text) > MOST_BYTES:
        raise _refused(pointer, f"longer than {MOST_BYTES} bytes; make it shorter")
    if schema.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        raise _refused(f"{pointer}/$schema", f"another dialect than 2020-12; write the schema for {DIALECT}")
    for place, keyword in _elsewhere(schema, ""):
        raise _refused(pointer + place, f"{keyword} isn't taken; refer to parts of the schema as #/$defs/name")
    if _weight(schema, pointer) * LEAST_DATA_BYTES > MOST_WORK:
        raise _refused(
            pointer, "checking it costs too much; use fewer and smaller patterns, numbers in enum and multipleOf"
        )
    try:
        _compiled(text)
    except jsonschema_rs.ValidationError as error:
        said = _short(error.message)
        if said.endswith(_NO_PATTERN):
            said = f"{said} that takes linear time: write it without look-around and back-references, and smaller"
        raise _refused(pointer + _pointer(error), said) from None
    return text


def work(schema_text: str, size: int) -> int:
    """What checking so many bytes of data against a stored schema costs at most, in the units of `MOST_WORK`."""
    return _compiled(schema_text)[1] * size


def misfit(schema_text: str, data: Any, size: int) -> Misfit | None:
    """The first thing in the data, of so many bytes, that a stored schema doesn't allow, or None."""
    validator, _ = _compiled(schema_text)
    cost = work(schema_text, size)
    if cost > MOST_WORK:
        return (
            "",
            f"{size} bytes are too much to be checked against a schema as wide as this; send less, or check less of it",
        )
    if validator.is_valid(data):
        return None
    if cost > _DETAILED_WORK:
        return "", "doesn't fit, and is too large to say where"
    try:
        validator.validate(data)
    except jsonschema_rs.ValidationError as error:
        return _pointer(error), _short(error.message)
    return None


def too_deep(value: Any) -> bool:
    """Whether lists and objects stand in one another deeper than `MOST_LEVELS`."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class _Count:
    """Walks a schema as data meets it, and refuses what could cost too much."""

    def __init__(self, root: dict[str, Any], pointer: str) -> None:
        self._root, self._pointer = root, pointer
        self._subschemas = self._patterns = 0
        self.weight = 0

    def visit(self, schema: Any, pointer: str, through: tuple[str, ...]) -> None:
        """One subschema and all below; `through` are the references that led here."""
        self._subschemas += 1
        self.weight += 1
        if self._subschemas > MOST_SUBSCHEMAS:
            detail = f"more than {MOST_SUBSCHEMAS} subschemas with its references written out; check less of the data"
            raise _refused(self._pointer, detail)
        if not isinstance(schema, dict):
            return
        self._patterns += "pattern" in schema
        for keyword, value in schema.items():
            self.weight += weight(keyword, value)
            if keyword == "multipleOf" and isinstance(value, int | float) and 0 < value < SMALLEST_MULTIPLE:
                raise _refused(f"{pointer}/{keyword}", f"smaller than {SMALLEST_MULTIPLE}; use a larger one")
            if keyword == "patternProperties" and isinstance(value, dict):
                self._patterns += len(value)
            if keyword in _TOP_ONLY and schema is not self._root:
                raise _refused(
                    f"{pointer}/{keyword}", f"{keyword} is only taken at the top of the schema; move it there"
                )
            for place, inner in _below(keyword, value):
                self.visit(inner, f"{pointer}/{keyword}{place}", through)
        if self._patterns > MOST_PATTERNS:
            raise _refused(self._pointer, f"more than {MOST_PATTERNS} patterns; check fewer of them")
        if isinstance(reference := schema.get("$ref"), str):
            self._follow(reference, f"{pointer}/$ref", through)

    def _follow(self, reference: str, pointer: str, through: tuple[str, ...]) -> None:
        if reference == "#" or reference in through:
            raise _refused(pointer, "refers to itself; write out as many levels as the data has")
        if not reference.startswith("#/"):
            raise _refused(pointer, "refers to something outside; copy it into $defs and refer to #/$defs/name")
        target: Any = self._root
        for step in unquote(reference[2:]).split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and name in target:
                target = target[name]
            elif isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            else:
                raise _refused(pointer, f"there is no {reference} in the schema; add it")
        self.visit(target, self._pointer + unquote(reference[1:]), (*through, reference))


def _below(keyword: str, value: Any) -> Iterator[tuple[str, Any]]:
    if keyword in _ONE or keyword in _TOP_ONLY:
        yield "", value
    elif keyword in _LISTED and isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"/{index}", inner
    elif keyword in _NAMED and isinstance(value, dict):
        for name, inner in value.items():
            yield f"/{_escaped(name)}", inner


def _elsewhere(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Keywords by which references could mean something else than they say."""
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{pointer}/{_escaped(name)}"
            if name in _ELSEWHERE and not isinstance(inner, dict) and place not in _ALLOWED_AT_TOP:
                yield place, name
            yield from _elsewhere(inner, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _elsewhere(inner, f"{pointer}/{index}")


@lru_cache(maxsize=128)
def _compiled(text: str) -> tuple[jsonschema_rs.Draft202012Validator, int]:
    """A validator with the schema's weight."""
    schema = msgspec.json.decode(text)
    validator = jsonschema_rs.Draft202012Validator(
        schema,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=LARGEST_REGEX_BYTES, dfa_size_limit=LARGEST_REGEX_BYTES),
        validate_formats=True,
        offline=True,
    )
    return validator, _weight(schema, "")


def _weight(schema: dict[str, Any], pointer: str) -> int:
    count = _Count(schema, pointer)
    count.visit(schema, pointer, ())
    return count.weight


def _pointer(error: jsonschema_rs.ValidationError) -> str:
    return "".join(f"/{_escaped(str(step))}" for step in error.instance_path)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _short(detail: str) -> str:
    return detail if len(detail) <= _LONGEST_DETAIL else f"{detail[: _LONGEST_DETAIL - 3]}..."


def _refused(pointer: str, detail: str) -> Invalid:
    return invalid_field(pointer, detail, code="invalid_schema")
