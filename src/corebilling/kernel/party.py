"""Who sells and who buys, as documents need to know them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Proration = Literal["second", "day"]
CorrectionMode = Literal["next_invoice", "credit_note"]


TaxEngine = Literal["none", "rates", "external"]
TaxRounding = Literal["line", "invoice"]
TaxStatus = Literal["taxable", "exempt", "reverse_charge"]
DunningEnd = Literal["none", "cancel", "uncollectible", "cancel_and_uncollectible"]


class PostalAddress(msgspec.Struct, frozen=True, omit_defaults=True):
    """As it stands on an envelope; `country` is ISO 3166-1 alpha-2, `state` a region or state within it."""

    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None


class TaxId(msgspec.Struct, frozen=True):
    """A number that a tax authority gave: `kind` such as `eu_vat` or `us_ein`, `value` in its compact form."""

    kind: str
    value: str


class LegalEntity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the law wants to read about a seller on its documents; all of it is optional, e-invoices need more than PDFs."""

    legal_name: str | None = None
    address: PostalAddress | None = None
    tax_ids: tuple[TaxId, ...] = ()
    registration: str | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    bank_name: str | None = None
    iban: str | None = None
    bic: str | None = None
    footer: str | None = None


class DunningTerms(msgspec.Struct, frozen=True):
    """When collection is tried again, in days after it first failed or the invoice fell due, and what is done at the end.

    With `overdue` also invoices that aren't charged automatically are dunned, from their due dates on.
    """

    retry_days: tuple[int, ...] = (3, 5, 7)
    finally_do: DunningEnd = "cancel"
    overdue: bool = False


class InvoicingTerms(msgspec.Struct, frozen=True):
    """How a tenant's invoices are made. They have defaults, so that a tenant need not know them.

    `number_pattern` makes numbers of `{prefix}`, `{year}`, `{month}` and the running `{number}` (`{number:06}`: six digits).
    `draft_hours` leaves an invoice a draft for so long before it is finalised; with `auto_finalize` False until somebody
    does. `reminder_days` are counted from the due date, negative before it. `auto_collect` charges the customer's default
    payment method when an invoice is finalised. `locale` (BCP 47) sets figures, dates and words of documents.
    """

    number_pattern: str = "{prefix}-{year}-{number:06}"
    draft_hours: int = 0
    auto_finalize: bool = True
    reminder_days: tuple[int, ...] = ()
    auto_collect: bool = True
    tax_engine: TaxEngine = "rates"
    tax_rounding: TaxRounding = "line"
    dunning: DunningTerms = DunningTerms()
    locale: str = "en"


class TenantProfile(msgspec.Struct, frozen=True):
    """A tenant as documents show it. `net_days` is the default term of payment; `invoice_prefix` heads invoice numbers.

    `proration` is how parts of a period are counted; `correction_mode` is what becomes of a correction to a closed period.
    `country` (ISO 3166-1 alpha-2) is where it sells from.
    """

    tenant_id: UUID
    name: str
    currency: str
    time_zone: str
    sandbox: bool
    invoice_prefix: str
    net_days: int
    proration: Proration = "second"
    correction_mode: CorrectionMode = "next_invoice"
    country: str | None = None
    legal: LegalEntity = LegalEntity()
    invoicing: InvoicingTerms = InvoicingTerms()


class CustomerProfile(msgspec.Struct, frozen=True):
    """A customer as documents show it. `net_days`, `locale` and `auto_collect` win over the tenant's where they are set."""

    tenant_id: UUID
    customer_id: UUID
    external_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str
    address: PostalAddress | None = None
    tax_ids: tuple[TaxId, ...] = ()
    tax_status: TaxStatus = "taxable"
    exemption_reason: str | None = None
    net_days: int | None = None
    locale: str | None = None
    auto_collect: bool | None = None
    purchase_order: str | None = None


class Attribution(msgspec.Struct, frozen=True):
    """A subscription that usage may belong to, with every name it goes by: usage in `[starts_at, ends_at)` is its own."""

    subscription_id: UUID
    external_id: str | None
    customer_id: UUID
    customer_external_id: str
    starts_at: datetime
    ends_at: datetime | None
