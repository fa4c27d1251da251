"""Factur-X: a PDF/A-3 with the e-invoice in it says so in its metadata (XMP)."""

import re

from corebilling.kernel.errors import Unavailable

_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"

_TERMS = {
    "DocumentFileName": ("The name of the embedded XML document", "factur-x.xml"),
    "DocumentType": ("The type of the hybrid document in capital letters, e.g. INVOICE or ORDER", "INVOICE"),
    "Version": ("The actual version of the standard applying to the embedded XML document", "1.0"),
    "ConformanceLevel": ("The conformance level of the embedded XML document", "EN 16931"),
}
"""What is said, what that means, and its value here. Source: the XMP schema of Factur-X 1.09."""

_METADATA = re.compile(
    rb"\n(?P<id>\d+) 0 obj\n<</Length \d+/Type/Metadata/Subtype/XML>>\nstream\n(?P<xmp>.*?)\nendstream", re.DOTALL
)
_TRAILER = re.compile(rb"\ntrailer\n<<(?P<entries>.*?)>>\nstartxref\n(?P<table>\d+)\n%%EOF\s*$", re.DOTALL)
_SCHEMAS, _END = b"<pdfaExtension:schemas><rdf:Bag>", b"</rdf:RDF>"


def marked(pdf: bytes) -> bytes:
    """The PDF with metadata that say what is attached, appended as an update (ISO 32000-1, 7.5.6): the rest stays as it is.

    Raises `Unavailable` for a PDF that isn't laid out as the typesetter's.
    """
    metadata, trailer = _METADATA.search(pdf), _TRAILER.search(pdf)
    if metadata is None or trailer is None or _SCHEMAS not in metadata["xmp"]:
        raise Unavailable(
            "the typesetter lays its PDFs out in a way unknown to this release; update corebilling, or fetch the invoice "
            "as format=xml",
            code="unknown_pdf_layout",
        )
    xmp = metadata["xmp"].replace(_SCHEMAS, _SCHEMAS + _schema(), 1).replace(_END, _values() + _END, 1)
    number = int(metadata["id"])
    update = b"\n%d 0 obj\n<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n%s\nendstream\nendobj\n" % (
        number,
        len(xmp),
        xmp,
    )
    body = pdf.rstrip() + update
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, len(pdf.rstrip()) + 1)
    entries = trailer["entries"] + b"/Prev " + trailer["table"]
    return body + table + b"trailer\n<<%s>>\nstartxref\n%d\n%%%%EOF" % (entries, len(body))


def _schema() -> bytes:
    properties = "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
        for name, (meaning, _) in _TERMS.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    ).encode()


def _values() -> bytes:
    values = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (_, value) in _TERMS.items())
    return f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">{values}</rdf:Description>'.encode()
