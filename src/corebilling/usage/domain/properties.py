"""Reading single properties of a JSON object without building the others."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from corebilling.kernel.decimals import plain

MAX_TEXT_LENGTH = 255

_text = msgspec.json.Decoder(str).decode


class PropertyReader:
    """Reads one property as a type."""

    def __init__(self, name: str, kind: Any) -> None:
        struct = msgspec.defstruct("Properties", [("found", kind | None, None)], rename={"found": name})
        self._decode = msgspec.json.Decoder(struct).decode

    def read(self, properties: bytes | None) -> Any:
        """The property's value; None where it is absent or null. Raises ValidationError for another type."""
        found: Any = None if properties is None else self._decode(properties)
        return None if found is None else found.found


class LabelReader:
    """Reads several properties as text, by which events are told apart: text as it is, numbers in plain digits without
    superfluous zeros (`1.50` is `1.5`), booleans as `true` and `false`."""

    def __init__(self, names: Sequence[str]) -> None:
        fields: list[Any] = [(f"p{place}", msgspec.Raw, msgspec.Raw()) for place in range(len(names))]
        self.names = tuple(names)
        self._fields = [field[0] for field in fields]
        struct = msgspec.defstruct("Labels", fields, rename=dict(zip(self._fields, names, strict=True)))
        self._decode = msgspec.json.Decoder(struct).decode

    def read(self, properties: bytes | None) -> tuple[str | None, ...]:
        """The properties' texts, in the order of their names; None where one is absent or null.

        Raises `Unreadable` for one that can't be a label: an object, an array, text beyond 255 characters or with NUL.
        """
        if properties is None:
            return (None,) * len(self.names)
        try:
            found = self._decode(properties)
        except msgspec.DecodeError:  # half of a surrogate pair somewhere
            raise Unreadable(self.names[0]) from None
        return tuple(
            _label(name, bytes(getattr(found, field))) for name, field in zip(self.names, self._fields, strict=True)
        )


class Unreadable(ValueError):
    """A property that can't be a label; the argument is its name."""


def _label(name: str, raw: bytes) -> str | None:
    first = raw[:1]
    if not raw or raw == b"null":
        return None
    if first in b"tf":
        return raw.decode()
    try:
        text = _text(raw) if first == b'"' else _digits(name, Decimal(raw.decode()))
    except (msgspec.DecodeError, InvalidOperation):
        raise Unreadable(name) from None
    if len(text) > MAX_TEXT_LENGTH or "\x00" in text:
        raise Unreadable(name)
    return text


def _digits(name: str, number: Decimal) -> str:
    if abs(number.adjusted()) > MAX_TEXT_LENGTH:  # written out, 1e999999999 would be a gigabyte
        raise Unreadable(name)
    return plain(number) if number else "0"
