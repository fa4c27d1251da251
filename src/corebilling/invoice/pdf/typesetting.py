"""Typst, with the fonts that the product brings along: the same document gives the same bytes on every machine."""

import tempfile
import threading
from functools import cache
from pathlib import Path

import msgspec
import pymupdf_fonts
import typst

from corebilling.invoice.pdf.printable import Printable, PrintableStatement

FONTS = ("figo", "figbo", "notos", "notosbo", "symbol1", "symbol2", "math")
"""Of pymupdf-fonts: FiraGO in two weights for everything that we say, Noto for what else names may hold."""

_LONG = 40
"""From so many lines on, what typst remembers of a document (some 100 MiB of one with 500 lines) is dropped at once."""

_GENERATIONS = 11
"""Typst drops what the last ten compilations didn't use."""

_local = threading.local()


def render(printable: Printable | PrintableStatement, xml: bytes | None = None) -> bytes:
    """Set the document as a PDF; with `xml` (an e-invoice) as PDF/A-3 that has it attached.

    It takes milliseconds to tenths of a second of one core: call it in a thread, outside any transaction. Raises
    `typst.TypstError` for PDF/A with characters that none of the fonts has.
    """
    inputs = {"document": msgspec.json.encode(printable).decode()}
    if xml is not None:
        inputs["xml"] = xml.decode()
    pdf = _compiler().compile(
        input=_template(_kind(printable)),
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=["a-3b"] if xml is not None else [],
        timestamp=int(printable.created_at.timestamp()),
    )
    assert isinstance(pdf, bytes)
    if _length(printable) > _LONG:
        _forget()
    return pdf


def pictures(printable: Printable | PrintableStatement, *, dots_per_inch: int = 100) -> list[bytes]:
    """The pages as PNG images, to be looked at."""
    inputs = {"document": msgspec.json.encode(printable).decode()}
    pages = _compiler().compile(input=_template(_kind(printable)), format="png", ppi=dots_per_inch, sys_inputs=inputs)
    return pages if isinstance(pages, list) else [pages or b""]


def _compiler() -> typst.Compiler:
    """One for each thread: it can't be shared, and making one each time would read the fonts again."""
    if not hasattr(_local, "compiler"):
        _local.compiler = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
    found: typst.Compiler = _local.compiler
    return found


def _forget() -> None:
    for _ in range(_GENERATIONS):
        _compiler().compile(input=b"", format="pdf", sys_inputs={}, timestamp=0)


@cache
def _fonts() -> typst.Fonts:
    folder = Path(_font_folder().name)
    for name in FONTS:
        (folder / f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(name))
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])


@cache
def _font_folder() -> tempfile.TemporaryDirectory[str]:
    # Typst reads fonts from files, when it first needs them; the package has them packed. Gone when the process ends.
    return tempfile.TemporaryDirectory(prefix="corebilling-fonts-")


def _kind(printable: Printable | PrintableStatement) -> str:
    return "statement" if isinstance(printable, PrintableStatement) else "document"


def _length(printable: Printable | PrintableStatement) -> int:
    return len(printable.rows if isinstance(printable, PrintableStatement) else printable.lines)


@cache
def _template(kind: str) -> bytes:
    # One text, because a template that is no file can't import another: the design that all share stands before each.
    return b"\n".join(Path(__file__).with_name(f"{part}.typ").read_bytes() for part in ("design", kind))
