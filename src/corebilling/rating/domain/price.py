"""Price definitions: JSON with the field `model`, read exactly and checked before anybody may use them."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.rating.domain.flat import Flat
from corebilling.rating.domain.graduated import Graduated
from corebilling.rating.domain.per_unit import PerUnit

Price: TypeAlias = Flat | PerUnit | Graduated

MODELS: tuple[str, ...] = (Flat.MODEL, PerUnit.MODEL, Graduated.MODEL)

_DECODER = msgspec.json.Decoder(Price)


def parse(definition: bytes | str, pointer: str = "/price") -> Price:
    """A definition as a caller sent it. Raises `Invalid` with a JSON pointer for each fault.

    Numbers are read digit for digit, whether they come as strings or as JSON numbers, and never as floats.
    """
    try:
        price: Price = _DECODER.decode(definition)
    except msgspec.DecodeError as error:
        raise _unreadable([_field_of(str(error), pointer)]) from None
    found = list(price.faults(pointer))
    if found:
        raise _unreadable(found)
    return price


@lru_cache(maxsize=10_000)
def stored(definition: str) -> Price:
    """A definition that was checked when it was published; read once, however many subscriptions use it."""
    return parse(definition)


def _unreadable(found: Sequence[FieldError]) -> Invalid:
    first = found[0]
    return Invalid(
        f"the price can't be used: {first.pointer} {first.detail}",
        code="invalid_price",
        fields=found,
    )


def _field_of(message: str, pointer: str) -> FieldError:
    """msgspec's message with its path (`Expected `decimal`, got `bool` - at `$.tiers[0].up_to``) as a pointer."""
    text, _, path = message.rpartition(" - at `$")
    if not text:
        text, path = message, ""
    where = pointer + "".join(_parts(path.rstrip("`")))
    if "Invalid value" in text or "required field `model`" in text:
        return FieldError(f"{pointer}/model", f"must be one of {', '.join(MODELS)}")
    if "malformed" not in text:
        text = text[:1].lower() + text[1:]
    return FieldError(where, f"{text}; see the price models in the API's documentation")


def _parts(path: str) -> Iterator[str]:
    for part in path.replace("[", ".[").split("."):
        if part:
            yield "/" + part.strip("[]").replace("~", "~0").replace("/", "~1")
