"""What the law wants to read about a seller: numbers are checked, and kept in their compact form."""

from collections.abc import Callable

from msgspec import structs
from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from corebilling.kernel.countries import require_country
from corebilling.kernel.errors import invalid_field
from corebilling.kernel.party import LegalEntity
from corebilling.kernel.tax_ids import checked_tax_ids


def checked_legal(legal: LegalEntity) -> LegalEntity:
    """The entity with its numbers in compact form. Raises `Invalid` pointing at what is wrong under `/legal`."""
    if legal.address is not None and legal.address.country is not None:
        require_country(legal.address.country, "/legal/address/country")
    return structs.replace(
        legal,
        tax_ids=checked_tax_ids(legal.tax_ids, "/legal/tax_ids"),
        iban=_checked(legal.iban, iban.validate, "iban", "an IBAN"),
        bic=_checked(legal.bic, bic.validate, "bic", "a BIC"),
    )


def _checked(value: str | None, validate: Callable[[str], str], field: str, word: str) -> str | None:
    if value is None:
        return None
    try:
        return validate(value)
    except ValidationError as error:
        reason = str(error).rstrip(".").lower()
        raise invalid_field(
            f"/legal/{field}", f"'{value}' is not {word}: {reason}; check it", code=f"invalid_{field}"
        ) from None
