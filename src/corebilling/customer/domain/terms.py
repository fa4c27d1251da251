"""What taxes, documents and collection need to know of a customer; what it doesn't say is as the tenant has it."""

import msgspec
from msgspec import structs

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.locales import checked_locale
from corebilling.kernel.party import TaxId, TaxStatus
from corebilling.kernel.tax_ids import checked_tax_ids


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's own: absent terms are the tenant's."""

    tax_ids: tuple[TaxId, ...] = ()
    tax_status: TaxStatus = "taxable"
    exemption_reason: str | None = None
    net_days: int | None = None
    locale: str | None = None
    auto_collect: bool | None = None
    purchase_order: str | None = None


def checked(terms: Terms, pointer: str = "") -> Terms:
    """The terms with tax ids and locale as they are written. Raises `Invalid` pointing under `pointer`."""
    if terms.tax_status == "exempt" and not terms.exemption_reason:
        raise invalid_field(
            f"{pointer}/exemption_reason",
            "invoices say why no tax is due; send the reason along with tax_status: exempt",
            code="exemption_reason_missing",
        )
    return structs.replace(
        terms,
        tax_ids=checked_tax_ids(terms.tax_ids, f"{pointer}/tax_ids"),
        locale=None if terms.locale is None else checked_locale(terms.locale, f"{pointer}/locale"),
    )
