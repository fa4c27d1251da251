"""What has been published of events is kept: receivers read them, and replays decode those that are stored."""

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "published_events.py"
COMMAND = "python tools/published_events.py"


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("published_events", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _loaded()


def test_no_published_event_has_changed_incompatibly() -> None:
    broken = tool.breaks(tool.published(), tool.catalog())
    assert not broken, "\n".join([*broken, "", tool.RULE])


def test_everything_in_the_catalog_is_published() -> None:
    now, before = tool.catalog(), tool.published()
    unpublished = [subject for subject in now if now[subject] != before.get(subject)]
    assert not unpublished, f"{', '.join(unpublished)}: new, or with new fields; publish with `{COMMAND}`"


PAID = tool.published()["invoice.paid"]
Fields = dict[str, Any]


def _mutant(change: Callable[[Fields, list[str]], object], **top: Any) -> dict[str, Any]:
    made = copy.deepcopy(PAID) | top
    change(made["data"]["properties"], made["data"]["required"])
    return {"invoice.paid": made}


def _renamed(fields: Fields, required: list[str]) -> None:
    fields["total"] = fields.pop("total_minor")
    required[required.index("total_minor")] = "total"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param({}, "is gone", id="subject removed"),
        pytest.param(_mutant(lambda f, r: f.pop("purpose")), "data/purpose is gone", id="field removed"),
        pytest.param(_mutant(_renamed), "data/total_minor is gone", id="field renamed"),
        pytest.param(
            _mutant(lambda f, r: f.update(total_minor={"type": "string"})), 'was "integer", is "string"', id="retyped"
        ),
        pytest.param(
            _mutant(lambda f, r: f.update(currency={"anyOf": [{"type": "string"}, {"type": "null"}]})),
            "data/currency: ",
            id="may be null",
        ),
        pytest.param(_mutant(lambda f, r: r.remove("currency")), "is optional", id="required to optional"),
        pytest.param(_mutant(lambda f, r: r.append("purpose")), "is required", id="optional to required"),
        pytest.param(
            _mutant(lambda f, r: (f.update(extra={"type": "string"}), r.append("extra"))),
            "data/extra is required",
            id="required field added",
        ),
        pytest.param(
            _mutant(lambda f, r: f.update(purpose={"type": "string", "enum": ["cycle"]})), "is limited", id="limited"
        ),
        pytest.param(_mutant(lambda f, r: None, public=False), "webhooks", id="not public any more"),
        pytest.param(_mutant(lambda f, r: None, version=2), "version was 1", id="version changed in place"),
        pytest.param(_mutant(lambda f, r: None, resource="customer"), "resource was", id="about something else"),
    ],
)
def test_an_incompatible_change_is_seen(now: dict[str, Any], said: str) -> None:
    broken = tool.breaks({"invoice.paid": PAID}, now)
    assert any(said in line for line in broken), broken
    assert all(line.startswith("invoice.paid: ") for line in broken)


def test_a_field_with_a_default_a_new_word_and_a_new_subject_are_compatible() -> None:
    added = _mutant(lambda f, r: f.update(note={"type": "string"}))
    assert tool.breaks({"invoice.paid": PAID}, added | {"invoice.paid.v2": PAID}) == []
    finished = tool.published()["billing.replay.finished"]
    wider = copy.deepcopy(finished)
    wider["data"]["properties"]["outcome"]["enum"].append("paused")
    assert tool.breaks({"x.y": finished}, {"x.y": wider}) == []
    assert tool.breaks({"x.y": wider}, {"x.y": finished}) == ["x.y: data/outcome can't be paused any more"]


def test_a_change_deep_inside_is_seen() -> None:
    before = {"data": {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}}}
    head = {"version": 1, "public": True, "resource": "x"}
    after = copy.deepcopy(before)
    after["data"]["properties"]["rows"]["items"]["type"] = "string"
    (said,) = tool.breaks({"x.y": head | before}, {"x.y": head | after})
    assert said == 'x.y: data/rows/items: type was "integer", is "string"'
