"""The business terms as XML: Cross Industry Invoice (UN/CEFACT) and UBL 2.1 (ISO/IEC 19845)."""

import copy

from facturx import generate_xml

from corebilling.invoice.einvoice.model import Model

LEVEL = "en16931"


def cii(model: Model) -> bytes:
    """Cross Industry Invoice D22B, as Factur-X 1.09 (which ZUGFeRD 2 shares) embeds it, in the profile EN 16931."""
    return _generated(model, "factur-x")


def ubl(model: Model) -> bytes:
    """A UBL 2.1 Invoice or CreditNote by EN 16931."""
    return _generated(model, "ubl-2.1")


def _generated(model: Model, flavor: str) -> bytes:
    # The library completes the terms in place. It would ask a server for the Schematron: our tests run it themselves.
    xml = generate_xml(copy.deepcopy(model), flavor=flavor, level=LEVEL, check_xsd=False, check_schematron=None)
    assert isinstance(xml, bytes)
    return xml
