import pytest

from corebilling.customer.domain.terms import Terms, checked
from corebilling.kernel.errors import Invalid
from corebilling.kernel.party import TaxId


def test_tax_ids_and_locale_are_kept_as_they_are_written() -> None:
    terms = checked(Terms(tax_ids=(TaxId("eu_vat", "DE 136 695 976"),), locale="de-de"))
    assert terms == Terms(tax_ids=(TaxId("eu_vat", "DE136695976"),), locale="de-DE")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        (Terms(tax_ids=(TaxId("eu_vat", "DE1"),)), "/items/7/tax_ids/0/value"),
        (Terms(tax_ids=(TaxId("vat", "DE136695976"),)), "/items/7/tax_ids/0/kind"),
        (Terms(locale="xx"), "/items/7/locale"),
        (Terms(tax_status="exempt"), "/items/7/exemption_reason"),
    ],
)
def test_what_is_wrong_is_pointed_at(terms: Terms, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(terms, "/items/7")
    assert [field.pointer for field in caught.value.fields] == [pointer]


def test_an_exemption_has_its_reason() -> None:
    terms = Terms(tax_status="exempt", exemption_reason="Article 132")
    assert checked(terms) == terms
