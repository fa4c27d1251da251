"""Which shapes of events have been published, and whether the catalog still keeps to them.

`tests/contract/published_events.json` holds the shape of every event that ever left an installation: what its schema
says, without words and names of types. `python tools/published_events.py` adds what is new, and refuses what readers and
stored events wouldn't survive; tests/contract/test_published_events.py fails until one or the other has been done.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from corebilling.events.catalog import CATALOG, EventType
from corebilling.platform.eventlog.catalog import schema

BASELINE = Path(__file__).resolve().parent.parent / "tests" / "contract" / "published_events.json"
RULE = (
    "Receivers read these events, and replays decode stored ones. A field that is added with a default keeps the subject;"
    " anything else is a new subject ending in .v2, published beside the old one, with a line in CHANGELOG.md that says"
    " until when (docs/guides/events.md)."
)

_WORDS = frozenset({"$schema", "$defs", "$ref", "title", "description", "default", "examples", "publisher"})

Shape = dict[str, Any]


def shape_of(event: EventType) -> Shape:
    """What is promised of an event: its version, what it is about, whether receivers get it, and its fields."""
    whole = schema(event)
    kept = {name: whole[name] for name in ("version", "public", "resource")}
    return kept | {"data": _shape({k: v for k, v in whole.items() if k not in kept}, whole.get("$defs", {}))}


def catalog() -> dict[str, Shape]:
    """The shapes of all events as the code has them."""
    return {event.subject: shape_of(event) for event in sorted(CATALOG, key=lambda row: row.subject)}


def published() -> dict[str, Shape]:
    """The shapes that were published."""
    known: dict[str, Shape] = msgspec.json.decode(BASELINE.read_bytes()) if BASELINE.exists() else {}
    return known


def breaks(before: dict[str, Shape], now: dict[str, Shape]) -> list[str]:
    """What was published and isn't kept, a line each."""
    found = [f"{subject}: is gone" for subject in before if subject not in now]
    for subject, old in before.items():
        if subject in now:
            new = now[subject]
            if old["public"] and not new["public"]:
                found.append(f"{subject}: webhooks don't carry it any more")
            found += [
                f"{subject}: {name} was {old[name]}, is {new[name]}"
                for name in ("version", "resource")
                if old[name] != new[name]
            ]
            found += [f"{subject}: {line}" for line in _breaks(old["data"], new["data"], "data")]
    return found


def _shape(node: Any, named: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_shape(one, named) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _shape(named[node["$ref"].rpartition("/")[2]], named)
    made = {word: _shape(value, named) for word, value in node.items() if word not in _WORDS and word != "properties"}
    if "properties" in node:
        made["properties"] = {name: _shape(part, named) for name, part in sorted(node["properties"].items())}
    for word in ("required", "enum"):
        if word in made:
            made[word] = sorted(made[word], key=str)
    return made


def _breaks(old: Shape, new: Shape, place: str) -> Iterator[str]:
    """Differences that matter to somebody who reads the new, or to the new reading the old."""
    if lost := [value for value in old.get("enum", []) if value not in new.get("enum", [])]:
        yield f"{place} can't be {', '.join(map(str, lost))} any more"
    if "enum" in new and "enum" not in old:
        yield f"{place} is limited to {', '.join(map(str, new['enum']))}"
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, part in old_fields.items():
        if name not in new_fields:
            yield f"{place}/{name} is gone"
        else:
            yield from _breaks(part, new_fields[name], f"{place}/{name}")
    was, is_ = set(old.get("required", [])), set(new.get("required", []))
    yield from (f"{place}/{name} was always there and is optional" for name in sorted((was - is_) & new_fields.keys()))
    yield from (f"{place}/{name} is required; stored events may lack it" for name in sorted(is_ - was))
    for word in sorted((old.keys() | new.keys()) - {"enum", "properties", "required"}):
        before, now = old.get(word), new.get(word)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _breaks(before, now, f"{place}/{word}")
        elif before != now and not _widened(before, now):
            yield f"{place}: {word} was {_text(before)}, is {_text(now)}"


def _widened(before: Any, now: Any) -> bool:
    """Whether alternatives are the same but for enums that take more, or fields that were added."""
    if not isinstance(before, list) or not isinstance(now, list) or len(before) != len(now):
        return False
    pairs = list(zip(before, now, strict=True))
    return all(isinstance(a, dict) and isinstance(b, dict) and not list(_breaks(a, b, "")) for a, b in pairs)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def main() -> int:
    """Publish what is new. Exits with 1, and changes nothing, where something published isn't kept."""
    before, now = published(), catalog()
    if broken := breaks(before, now):
        print("\n".join([*broken, "", RULE]), file=sys.stderr)
        return 1
    for subject in (subject for subject in now if now[subject] != before.get(subject)):
        print(subject, "has new fields" if subject in before else "is new")
    BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
