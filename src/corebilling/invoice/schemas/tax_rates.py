"""What goes over the wire about tax rates."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.invoice.domain.tax import TaxCategory
from corebilling.kernel.decimals import DecimalText

TaxRateStatus = Literal["active", "archived"]

Code = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)", description="Your own short name for it.")
]
TaxCategorySlug = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$(?!\n)", description="Your own word for products that are taxed alike."),
]
Country = Annotated[str, Meta(min_length=2, max_length=2, description="ISO 3166-1 alpha-2.")]
Region = Annotated[
    str, Meta(min_length=1, max_length=40, description="As `state` of addresses has it, such as QC or CA-QC.")
]


class TaxRateCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rate to be: `rate` is a fraction ("0.2" is 20 %), and 0 for any other `category` than S (UNTDID 5305).

    Rates of the same name replace one another, the most specific one wins; rates of different names add up. An
    `inclusive` tax is within your prices. With `reverse_charge`, customers of other countries with a tax id of theirs
    account for it themselves. It holds for the days from `valid_from` up to, and without, `valid_until`.
    """

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    rate: Decimal
    country: Country
    code: Code | None = None
    region: Region | None = None
    tax_category: TaxCategorySlug | None = None
    inclusive: bool = False
    reverse_charge: bool = False
    category: TaxCategory | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    valid_from: date | None = None
    valid_until: date | None = None


class TaxRateOut(msgspec.Struct, frozen=True):
    """A rate; an `archived` one isn't used any more."""

    id: UUID
    code: str
    name: str
    status: TaxRateStatus
    rate: DecimalText
    country: str
    region: str | None
    tax_category: str | None
    inclusive: bool
    reverse_charge: bool
    category: TaxCategory
    reason: str | None
    valid_from: date | None
    valid_until: date | None
    created_at: datetime
    archived_at: datetime | None
