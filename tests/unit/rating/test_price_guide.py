"""The guide's examples are true: each is previewed, and its amount is the one that stands below it."""

import re
from pathlib import Path

import msgspec
import pytest

from corebilling.rating.domain.price import MODELS
from corebilling.rating.preview import preview
from corebilling.rating.schemas.preview import PreviewRequest

GUIDE = (Path(__file__).resolve().parents[3] / "docs/guides/price-models.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```\n[^`]*?Amount: `([^`]+)`", GUIDE, re.DOTALL)


@pytest.mark.parametrize(("request_body", "amount"), EXAMPLES, ids=[amount for _, amount in EXAMPLES])
def test_an_example_costs_what_the_guide_says(request_body: str, amount: str) -> None:
    assert preview(msgspec.json.decode(request_body, type=PreviewRequest)).amount == amount


def test_every_block_is_an_example_and_every_model_has_one() -> None:
    assert len(EXAMPLES) == GUIDE.count("```json")
    shown = {msgspec.json.decode(body)["price"]["model"] for body, _ in EXAMPLES}
    assert shown == set(MODELS)
    assert [model for model in MODELS if f"\n## {model}\n" not in GUIDE] == []
