"""SVG pictures that may stand on documents: shapes and text, without scripts, without anything from elsewhere.

Browsers run what an SVG file holds and fetch what it points at, so only elements that draw are let through.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from xml.parsers import expat

_SVG = "http://www.w3.org/2000/svg"
_XHTML = "http://www.w3.org/1999/xhtml"
_DRAWING = frozenset(
    {
        "svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "style", "switch", "a", "path", "rect", "circle",
        "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath", "image", "linearGradient", "radialGradient",
        "stop", "clipPath", "mask", "pattern", "marker", "view",
    }
)  # fmt: skip
_MAX_ELEMENTS = 20_000
_MAX_DEPTH = 100
_MAX_USES = 500

_DATA = re.compile(r"\s*data:image/(?:png|jpe?g);base64,(.*)", re.DOTALL)
_FETCHES = re.compile(r"@import|url\(|\\", re.IGNORECASE)
_WITHIN = re.compile(r"url\(\s*['\"]?#", re.IGNORECASE)
"""What style sheets fetch, and what of it is in the file itself; a backslash could spell any of it in another way."""


class _Refused(Exception):
    """Says what is wrong with the picture, and what to do."""


def svg_fault(image: bytes, picture_fault: Callable[[bytes], str | None]) -> str | None:
    """What makes this unfit for a document; None where nothing does. `picture_fault` judges pictures within it."""
    try:
        image.decode()
        _Reading(picture_fault).read(image)
    except UnicodeDecodeError:
        return "the body is neither PNG nor JPEG, nor SVG in UTF-8; send one of them"
    except expat.ExpatError as error:
        return f"the body is neither PNG nor JPEG, nor well-formed SVG ({error}); send one of them"
    except _Refused as refused:
        return str(refused)
    return None


class _Reading:
    """One pass over the file, which never builds a tree of it."""

    def __init__(self, picture_fault: Callable[[bytes], str | None]) -> None:
        self._picture_fault = picture_fault
        self._open: list[tuple[str, str | None]] = []
        self._elements = 0
        self._used: list[str] = []
        self._holds_uses: set[str] = set()
        self._style: list[str] = []

    def read(self, image: bytes) -> None:
        parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(image, True)
        if len(self._used) > _MAX_USES or any(name in self._holds_uses for name in self._used):
            raise _Refused("its <use> elements repeat one another; flatten them when you save the picture")

    def _doctype(self, *_: object) -> None:
        raise _Refused("it has a DOCTYPE, which could make it grow without end; remove that line")

    def _instruction(self, target: str, _: str) -> None:
        raise _Refused(f"it has the instruction <?{target}?>; remove it")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        self._elements += 1
        if not self._open and (namespace, name) != (_SVG, "svg"):
            raise _Refused("its outermost element is not <svg> of http://www.w3.org/2000/svg; send an SVG file")
        if self._elements > _MAX_ELEMENTS or len(self._open) >= _MAX_DEPTH:
            raise _Refused("it has more elements, or deeper ones, than a logo needs; simplify it")
        if namespace in ("", _XHTML) or (namespace == _SVG and name not in _DRAWING):
            raise _Refused(f"it has a <{name}>; a logo is made of shapes and text only: remove it")
        self._open.append((name, attributes.get("id")))
        for attribute, value in attributes.items():
            self._attribute(name, attribute.rpartition(" ")[2], value)

    def _attribute(self, element: str, name: str, value: str) -> None:
        if name.lower().startswith("on"):
            raise _Refused(f"it has a script in '{name}'; remove it")
        if name in ("href", "src"):
            self._reference(element, value)
        elif name == "base" or _fetches(value):
            raise _Refused(f"its attribute '{name}' fetches something from elsewhere; put it into the file")

    def _reference(self, element: str, value: str) -> None:
        if value.startswith("#"):
            if element == "use":
                self._used.append(value[1:])
                self._holds_uses |= {own_id for _, own_id in self._open if own_id is not None}
            return
        data = _DATA.fullmatch(value) if element == "image" else None
        if data is None:
            raise _Refused(f"it points at '{value[:60]}'; put what it shows into the file")
        try:
            fault = self._picture_fault(b64decode("".join(data[1].split()), validate=True))
        except binascii.Error:
            fault = "a picture within it is damaged; save it again and send that"
        if fault is not None:
            raise _Refused(fault)

    def _end(self, _: str) -> None:
        name, _own_id = self._open.pop()
        if name == "style":
            if _fetches("".join(self._style)):
                raise _Refused("its style sheet fetches something from elsewhere; put it into the file")
            self._style.clear()

    def _text(self, text: str) -> None:
        if self._open[-1][0] == "style":
            self._style.append(text)


def _fetches(style: str) -> bool:
    return len(_FETCHES.findall(style)) > len(_WITHIN.findall(style))
