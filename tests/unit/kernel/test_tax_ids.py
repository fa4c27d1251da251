import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.locales import checked_locale
from corebilling.kernel.party import TaxId
from corebilling.kernel.tax_ids import KINDS, checked_tax_id, checked_tax_ids, country_of

GOOD = [
    ("eu_vat", "FR 40 303 265 045", "FR40303265045", "FR"),
    ("eu_vat", "EL 094259216", "EL094259216", "GR"),
    ("eu_vat", "DE136695976", "DE136695976", "DE"),
    ("fr_vat", "FR40303265045", "40303265045", "FR"),
    ("us_ein", "91-1144442", "911144442", "US"),
    ("gb_vat", "GB 980 7806 84", "980780684", "GB"),
    ("ch_vat", "CHE-107.787.577 IVA", "CHE107787577IVA", "CH"),
    ("au_abn", "83 914 571 673", "83914571673", "AU"),
    ("in_gst", "27AAPFU0939F1ZV", "27AAPFU0939F1ZV", "IN"),
    ("ca_gst", "12302 6635 RC 0001", "123026635RC0001", "CA"),
    ("no_mva", "NO 995 525 828 MVA", "995525828MVA", "NO"),
]


@pytest.mark.parametrize(("kind", "sent", "kept", "country"), GOOD)
def test_a_tax_id_is_kept_in_its_compact_form_and_knows_its_country(
    kind: str, sent: str, kept: str, country: str
) -> None:
    tax_id = checked_tax_id(kind, sent, "/tax_ids/0")
    assert tax_id == TaxId(kind, kept)
    assert country_of(tax_id) == country


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_refuses_what_is_no_number_of_it(kind: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_tax_id(kind, "not a number", "/tax_ids/0")
    assert caught.value.code == "invalid_tax_id"
    assert caught.value.fields[0].pointer == "/tax_ids/0/value"


@pytest.mark.parametrize(("kind", "value"), [("eu_vat", "DE136695977"), ("eu_vat", "US123"), ("us_ein", "07-1144442")])
def test_a_wrong_check_digit_or_prefix_is_refused(kind: str, value: str) -> None:
    with pytest.raises(Invalid, match="is not a valid"):
        checked_tax_id(kind, value, "")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match="eu_vat") as caught:
        checked_tax_id("xx_vat", "1", "/tax_ids/3")
    assert (caught.value.code, caught.value.fields[0].pointer) == ("unknown_tax_id_kind", "/tax_ids/3/kind")


def test_a_kind_stands_once() -> None:
    with pytest.raises(Invalid) as caught:
        checked_tax_ids([TaxId("eu_vat", "DE136695976"), TaxId("eu_vat", "FR40303265045")], "/tax_ids")
    assert (caught.value.code, caught.value.fields[0].pointer) == ("tax_id_repeated", "/tax_ids/1/kind")


@pytest.mark.parametrize(
    ("sent", "kept"), [("en", "en"), ("FR-fr", "fr-FR"), ("zh-Hans-CN", "zh-Hans-CN"), ("ar", "ar")]
)
def test_a_locale_is_kept_as_it_is_written(sent: str, kept: str) -> None:
    assert checked_locale(sent, "/locale") == kept


@pytest.mark.parametrize("sent", ["xx", "en-XX", "fr_FR", "root", "", "en-US-u-ca-gregory", "a" * 35])
def test_an_unknown_locale_is_refused(sent: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_locale(sent, "/locale")
    assert (caught.value.code, caught.value.fields[0].pointer) == ("unknown_locale", "/locale")
