"""Logos: what kind of picture the bytes are, and that it can be set in a document without harm."""

import struct
from typing import Literal

from corebilling.kernel.errors import Invalid
from corebilling.tenant.domain.svg import svg_fault

MediaType = Literal["image/png", "image/jpeg", "image/svg+xml"]

MAX_BYTES = 256 * 1024
MAX_PIXELS_A_SIDE = 4096
"""A small file can unfold to any size: this is 64 MiB."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers, which hold height and width (ITU T.81, table B.1)."""
_JPEG_LONE = frozenset({0x01, *range(0xD0, 0xD8)})


def checked_logo(image: bytes) -> MediaType:
    """What kind of picture this is, by its content. Raises `Invalid` for anything that isn't fit for a document."""
    if not image:
        raise _refusal("there is no picture in the body; send the bytes of a PNG, JPEG or SVG file")
    if len(image) > MAX_BYTES:
        raise _refusal(f"the picture has {len(image)} bytes; send one of up to {MAX_BYTES}")
    if image.startswith(_PNG):
        fault = _size_fault(_png_size(image))
        kind: MediaType = "image/png"
    elif image.startswith(_JPEG):
        fault = _size_fault(_jpeg_size(image))
        kind = "image/jpeg"
    else:
        fault = svg_fault(image, _embedded_fault)
        kind = "image/svg+xml"
    if fault is not None:
        raise _refusal(fault)
    return kind


def _embedded_fault(image: bytes) -> str | None:
    if image.startswith(_PNG):
        return _size_fault(_png_size(image))
    if image.startswith(_JPEG):
        return _size_fault(_jpeg_size(image))
    return "a picture within it is neither PNG nor JPEG; send it without that picture"


def _size_fault(size: tuple[int, int] | None) -> str | None:
    if size is None or min(size) < 1:
        return "the picture is damaged; open it, save it again and send that"
    if max(size) > MAX_PIXELS_A_SIDE:
        return f"the picture is {size[0]} x {size[1]} pixels; send one of up to {MAX_PIXELS_A_SIDE} a side"
    return None


def _png_size(image: bytes) -> tuple[int, int] | None:
    """Width and height, if the chunks are whole (ISO/IEC 15948, 5.3)."""
    size = None
    at = len(_PNG)
    while at + 12 <= len(image):
        length, name = struct.unpack_from(">I4s", image, at)
        if name == b"IHDR" and length >= 8 and at + 16 <= len(image):
            size = struct.unpack_from(">II", image, at + 8)
        at += 12 + length
        if name == b"IEND":
            return (size[0], size[1]) if size and at <= len(image) else None
    return None


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    """Width and height from the first frame's header (ITU T.81, B.2.2)."""
    at = 2
    while at + 4 <= len(image) and image[at] == 0xFF:
        marker = image[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_LONE:
            at += 2
            continue
        if marker in _JPEG_SIZES and at + 9 <= len(image):
            height, width = struct.unpack_from(">HH", image, at + 5)
            return width, height
        at += 2 + int(struct.unpack_from(">H", image, at + 2)[0])
    return None


def _refusal(detail: str) -> Invalid:
    return Invalid(detail, code="invalid_logo")
