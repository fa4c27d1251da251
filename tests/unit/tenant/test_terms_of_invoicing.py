import msgspec
import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.party import DunningTerms, InvoicingTerms, LegalEntity, PostalAddress, TaxId
from corebilling.tenant.domain.invoicing import checked_terms, require_pattern
from corebilling.tenant.domain.legal import checked_legal
from corebilling.tenant.schemas import DunningPatch, InvoicingPatch, LegalPatch, SellerAddress, SellerTaxIdIn
from corebilling.tenant.stored_terms import DEFAULTS, changed_legal, changed_terms, legal_of, terms_of


@pytest.mark.parametrize(
    "pattern",
    [
        "{prefix}-{year}-{number:06}",
        "{prefix}{number}",
        "{year}/{month}/{prefix}-{number:012}",
        "A_{prefix}.{number:01}",
    ],
)
def test_a_pattern_of_prefix_date_and_number_is_taken(pattern: str) -> None:
    require_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("{prefix}-{year}", "ends with"),
        ("{prefix}-{number}-{year}", "ends with"),
        ("{prefix}-{number:00}", "ends with"),
        ("{prefix}-{number:013}", "ends with"),
        ("{prefix}-{number:6}", "ends with"),
        ("{prefix}-{number}\n", "ends with"),
        ("{number}", "has {prefix}"),
        ("{prefix}-{month}-{number}", "without {year}"),
        ("{prefix}-{day}-{number}", "no {day}"),
        ("{prefix}{prefix}{number}", "stands once"),
        ("{prefix}{number}{number}", "no {number} before"),
        ("{prefix}{{year}}{number}", "letters, digits"),
        ("{prefix} {number}", "letters, digits"),
        ("{prefix}\u00e9{number}", "letters, digits"),
        ("{prefix}{}{number}", "no {}"),
        ("{prefix}-{year:04}-{number}", "letters, digits"),
        ("{prefix}" + "-" * 60 + "{number}", "60 characters"),
    ],
)
def test_any_other_pattern_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        require_pattern(pattern)
    assert says in caught.value.message
    assert caught.value.fields[0].pointer == "/invoicing/number_pattern"


def test_retries_come_one_after_another() -> None:
    with pytest.raises(Invalid) as caught:
        checked_terms(InvoicingTerms(dunning=DunningTerms((3, 3))))
    assert caught.value.fields[0].pointer == "/invoicing/dunning/retry_days"
    assert checked_terms(InvoicingTerms(dunning=DunningTerms(()))).dunning.retry_days == ()


def test_reminders_are_sorted_and_once_each() -> None:
    assert checked_terms(InvoicingTerms(reminder_days=(7, -3, 7, 0))).reminder_days == (-3, 0, 7)


def test_only_the_fields_sent_change() -> None:
    stored = changed_terms(DEFAULTS, InvoicingPatch(draft_hours=24, dunning=DunningPatch(retry_days=[1, 2])))
    stored = changed_terms(stored, InvoicingPatch(locale="FR-fr", dunning=DunningPatch(finally_do="none")))
    assert terms_of(stored) == InvoicingTerms(draft_hours=24, locale="fr-FR", dunning=DunningTerms((1, 2), "none"))
    legal = changed_legal(
        DEFAULTS, LegalPatch(legal_name="Example SAS", address=SellerAddress(city="Paris", country="FR"))
    )
    legal = changed_legal(legal, LegalPatch(tax_ids=[SellerTaxIdIn("eu_vat", "FR 40 303 265 045")]))
    assert legal_of(legal) == LegalEntity(
        legal_name="Example SAS",
        address=PostalAddress(city="Paris", country="FR"),
        tax_ids=(TaxId("eu_vat", "FR40303265045"),),
    )


def test_what_is_back_to_its_defaults_is_stored_as_nothing() -> None:
    assert changed_legal(changed_legal(DEFAULTS, LegalPatch(phone="1")), LegalPatch(phone=None)) == DEFAULTS
    assert (
        changed_terms(changed_terms(DEFAULTS, InvoicingPatch(draft_hours=1)), InvoicingPatch(draft_hours=0)) == DEFAULTS
    )


def test_terms_stored_before_a_field_was_there_have_its_default() -> None:
    assert terms_of('{"draft_hours":5}') == InvoicingTerms(draft_hours=5)


@pytest.mark.parametrize(
    ("legal", "pointer"),
    [
        (LegalEntity(iban="FR7630006000011234567890188"), "/legal/iban"),
        (LegalEntity(bic="AGRIF"), "/legal/bic"),
        (LegalEntity(address=PostalAddress(country="UK")), "/legal/address/country"),
        (LegalEntity(tax_ids=(TaxId("eu_vat", "FR1"),)), "/legal/tax_ids/0/value"),
    ],
)
def test_numbers_of_the_seller_are_checked(legal: LegalEntity, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_legal(legal)
    assert caught.value.fields[0].pointer == pointer


def test_bank_numbers_are_kept_in_their_compact_form() -> None:
    kept = checked_legal(LegalEntity(iban="FR76 3000 6000 0112 3456 7890 189", bic="AGRI FR PP 882"))
    assert (kept.iban, kept.bic) == ("FR7630006000011234567890189", "AGRIFRPP882")


def test_a_patch_with_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"draft_days": 1}', type=InvoicingPatch)
