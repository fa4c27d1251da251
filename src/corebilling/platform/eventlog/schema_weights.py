"""What checking data against a schema costs at most, told by the schema alone, so that no check keeps a process from its work.

A check looks at each part of the data at most as often as there are subschemas, so its cost is below weight times bytes. One
unit, a subschema and a byte, is about 50 ns at worst; what measured as more has a greater weight:

- numbers are compared exactly, in 3 µs where a fraction is among them; strings of an `enum` alone are looked up
- a `pattern` runs in linear time, but with a factor that follows its size: `[a-z]{0,600}[0-9]` takes 6 µs a byte
- a `multipleOf` with a fraction is calculated exactly: 13 µs a byte with data such as 1e300
"""

from functools import lru_cache
from typing import Any

import jsonschema_rs

LARGEST_REGEX_BYTES = 100_000
"""Of a pattern as it is compiled."""
SMALLEST_MULTIPLE = 1e-9

_SIZES = (1_000, 5_000, 10_000, 20_000, 50_000, LARGEST_REGEX_BYTES)
_BYTES_A_UNIT = 800
_COMPARISON = 3
_NUMBER = 15
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_FRACTION = 250


def weight(keyword: str, value: Any) -> int:
    """What a keyword of a subschema adds to the one unit that the subschema is."""
    match keyword:
        case "enum" if isinstance(value, list):
            return 0 if all(isinstance(each, str) for each in value) else _compared(value)
        case "const":
            return _compared(value)
        case _ if keyword in _BOUNDS:
            return _NUMBER
        case "multipleOf" if isinstance(value, float) and not value.is_integer():
            return _FRACTION
        case "pattern" if isinstance(value, str):
            return _pattern(value)
        case "patternProperties" if isinstance(value, dict):
            return sum(map(_pattern, value))
    return 0


def _compared(value: Any) -> int:
    if isinstance(value, int | float):
        return _NUMBER
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return _COMPARISON + sum(map(_compared, inner))


@lru_cache(maxsize=1000)
def _pattern(pattern: str) -> int:
    """By the size that it compiles to; one that compiles to none of these is refused elsewhere."""
    for size in _SIZES:
        try:
            jsonschema_rs.Draft202012Validator(
                {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=size)
            )
        except jsonschema_rs.ValidationError:
            continue
        return size // _BYTES_A_UNIT
    return LARGEST_REGEX_BYTES // _BYTES_A_UNIT
