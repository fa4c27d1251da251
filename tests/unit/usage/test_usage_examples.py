"""The requests that the documentation shows are ones that the API takes."""

from typing import Any

import msgspec
import pytest

from corebilling.usage.api.examples import EXAMPLES


@pytest.mark.parametrize(("kind", "example"), EXAMPLES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_an_example_fits_its_type(kind: Any, example: Any) -> None:
    assert isinstance(msgspec.json.decode(msgspec.json.encode(example), type=kind), kind)
