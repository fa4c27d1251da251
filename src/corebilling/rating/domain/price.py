"""Price definitions: JSON with the field `model`, read exactly and checked before anybody may use them."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias, get_args

import msgspec

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.rating.domain.dynamic import Dynamic
from corebilling.rating.domain.flat import Flat
from corebilling.rating.domain.graduated import Graduated
from corebilling.rating.domain.graduated_percentage import GraduatedPercentage
from corebilling.rating.domain.matrix import Matrix
from corebilling.rating.domain.package import Package
from corebilling.rating.domain.per_unit import PerUnit
from corebilling.rating.domain.percentage import Percentage
from corebilling.rating.domain.rate_card_price import RateCardPrice
from corebilling.rating.domain.volume import Volume

Price: TypeAlias = (
    Flat | PerUnit | Graduated | Volume | Package | Percentage | GraduatedPercentage | Dynamic | Matrix | RateCardPrice
)

MODELS: tuple[str, ...] = tuple(model.MODEL for model in get_args(Price))

_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<name>.+)`$")
_DECODER = msgspec.json.Decoder(Price)


def parse(definition: bytes | str, pointer: str = "/price", currency: str | None = None) -> Price:
    """A definition as a caller sent it. Raises `Invalid` with a JSON pointer for each fault.

    With a `currency`, amounts that are due as they stand must not be finer than its minor unit. Numbers are read digit
    for digit, whether they come as strings or as JSON numbers, and never as floats.
    """
    try:
        price: Price = _DECODER.decode(definition)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable([_field_of(str(error), pointer)]) from None
    found = [*price.faults(pointer, currency), *price.modifier_faults(pointer, currency)]
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
    if path == ".model`" or "required field `model`" in text:
        return FieldError(f"{pointer}/model", f"must be one of {', '.join(MODELS)}")
    where = pointer + "".join(_parts(path.rstrip("`")))
    if named := _NAMED.search(text):
        what = "is missing" if "missing" in text else "is not a field of this price model; leave it out or correct it"
        return FieldError(where + "".join(_parts(named["name"])), what)
    if "malformed" not in text:
        text = text[:1].lower() + text[1:]
    return FieldError(where, f"{text.replace('`', '')}; see docs/guides/price-models.md")


def _parts(path: str) -> Iterator[str]:
    for part in path.replace("[", ".[").split("."):
        if part:
            yield "/" + part.strip("[]").replace("~", "~0").replace("/", "~1")
