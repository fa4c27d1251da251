"""Decimals that a caller may send: finite, and of a size that money and quantities have.

msgspec reads `"NaN"`, `"Infinity"` and `1e999999999` as Decimals; none of them may get further than here.
"""

from decimal import Decimal
from typing import Any

import msgspec

from corebilling.kernel.errors import Invalid, invalid_field

MAX_DIGITS_BEFORE_POINT = 20
MAX_DIGITS_AFTER_POINT = 18


def check_decimal(value: Decimal, pointer: str) -> None:
    """Raises `Invalid` unless the number is finite, below 10^20, and has at most 18 decimals."""
    if not value.is_finite():
        raise _refused(pointer, "NaN and infinity are not numbers that can be billed; send a finite one")
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if value.adjusted() >= MAX_DIGITS_BEFORE_POINT or exponent < -MAX_DIGITS_AFTER_POINT or exponent > 1000:
        raise _refused(
            pointer,
            f"the number has too many digits; send at most {MAX_DIGITS_BEFORE_POINT} before the point and "
            f"{MAX_DIGITS_AFTER_POINT} after it",
        )


def check_decimals(value: Any, pointer: str = "") -> None:
    """`check_decimal` for every Decimal inside a decoded body."""
    if isinstance(value, Decimal):
        check_decimal(value, pointer)
    elif isinstance(value, msgspec.Struct):
        for name, encoded in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            check_decimals(getattr(value, name), f"{pointer}/{encoded}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_decimals(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            check_decimals(item, f"{pointer}/{name}")


def holds_decimals(body_type: Any) -> bool:
    """Whether a type has a Decimal anywhere inside."""
    return '"decimal"' in msgspec.json.encode(msgspec.json.schema(body_type)).decode()


def _refused(pointer: str, detail: str) -> Invalid:
    return invalid_field(pointer, detail, code="invalid_number")
