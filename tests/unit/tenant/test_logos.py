import struct
import zlib
from base64 import b64encode

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.tenant.domain.logo import MAX_BYTES, checked_logo


def png(width: int = 2, height: int = 2) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * 2) * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int = 2, height: int = 2) -> bytes:
    app0 = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00\x01\x01" + bytes(7)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app0 + frame + b"\xff\xd9"


def svg(inner: str = '<rect width="4" height="4"/>', attributes: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4" {attributes}>{inner}</svg>'.encode()


@pytest.mark.parametrize(
    ("image", "media_type"),
    [
        (png(), "image/png"),
        (png(4096, 1), "image/png"),
        (jpeg(), "image/jpeg"),
        (svg(), "image/svg+xml"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n' + svg(), "image/svg+xml"),
        (b"\xef\xbb\xbf" + svg(), "image/svg+xml"),
        (
            svg('<defs><linearGradient id="a"/></defs><rect fill="url(#a)" style="stroke: url( \'#a\')"/>'),
            "image/svg+xml",
        ),
        (svg("<style>.a { fill: #f00; mask: url(#m) }</style>"), "image/svg+xml"),
        (svg('<g id="s"><path d="M0 0"/></g><use href="#s"/><use href="#s" x="2"/>'), "image/svg+xml"),
        (svg(f'<image href="data:image/png;base64,{b64encode(png()).decode()}"/>'), "image/svg+xml"),
        (svg('<n:view xmlns:n="http://www.inkscape.org/namespaces/inkscape"/>'), "image/svg+xml"),
    ],
)
def test_a_picture_is_known_by_its_content(image: bytes, media_type: str) -> None:
    assert checked_logo(image) == media_type


XLINK = 'xmlns:x="http://www.w3.org/1999/xlink"'
BOMB = "".join(f'<g id="g{n}">' + f'<use href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"GIF89a",
        b"%PDF-1.7",
        b"<html></html>",
        b"<svg></svg>",
        svg().decode().encode("utf-16"),
        png() + bytes(MAX_BYTES),
        png()[:-4],
        png(5000, 1),
        png(0, 1),
        jpeg(65_000, 65_000),
        jpeg()[:12],
        svg("<script>alert(1)</script>"),
        svg("<g><foreignObject/></g>"),
        svg('<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>'),
        svg('<set attributeName="href" to="x"/>'),
        svg('<rect onclick="alert(1)"/>'),
        svg('<a href="javascript:alert(1)"><rect/></a>'),
        svg('<image href="https://example.com/a.png"/>'),
        svg('<image href="file:///etc/passwd"/>'),
        svg(f'<image x:href="../a.png" {XLINK}/>'),
        svg('<image href="data:image/svg+xml;base64,AAAA"/>'),
        svg('<image href="data:image/png;base64,AAAA"/>'),
        svg('<image href="data:image/png;base64,A"/>'),
        svg(f'<image href="data:image/png;base64,{b64encode(png(60_000, 60_000)).decode()}"/>'),
        svg('<use href="other.svg#a"/>'),
        svg("<style>@import 'x.css';</style>"),
        svg("<style>.a { fill: url(https://example.com/x) }</style>"),
        svg("<style>.a { fill: u\\72l(https://example.com/x) }</style>"),
        svg('<rect style="fill: url(https://example.com/x)"/>'),
        svg("<rect fill=\"URL( '//example.com/x' )\"/>"),
        svg("<rect/>", 'xml:base="https://example.com/"'),
        svg("<g>" * 200 + "</g>" * 200),
        svg("<rect/>" * 25_000),
        svg('<g id="g0"/>' + BOMB),
        svg('<g id="g"><use href="#g"/></g>'),
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("<text>&a;</text>"),
        b'<?xml-stylesheet href="https://example.com/x.css"?>' + svg(),
        svg()[:-4],
    ],
)
def test_what_could_do_harm_or_is_damaged_is_refused(image: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        checked_logo(image)
    assert caught.value.code == "invalid_logo"
