"""What goes over the wire about plans and prices."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import PriceKind, Timing
from corebilling.pricing.domain.selling import MAX_CURRENCIES
from corebilling.pricing.schemas.words import Code, Currency, MeterCode, Name, Slug, Unit

PlanStatus = Literal["active", "deprecated"]
IntervalCount = Annotated[int, Meta(ge=1, le=120)]


class PriceCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price of a plan: `recurring` is due once a period, `one_off` once, `usage` on what a meter counted.

    `price` is a price model in the plan's currency, `currencies` has one for each other currency. `code` names the price
    within the plan, and is made of its name if left out. A recurring price is billed after its time, or ahead of it with
    `timing: advance`; an interval of its own (`interval`, `interval_count`) is a whole multiple of the plan's.
    `product` names the revenue account of what the price sells, `tax_category` picks the tax rates on it.
    """

    kind: PriceKind
    name: Name
    code: Code | None = None
    meter: MeterCode | None = None
    unit: Unit | None = None
    timing: Timing | None = None
    interval: Interval | None = None
    interval_count: IntervalCount | None = None
    price: msgspec.Raw
    currencies: dict[Currency, msgspec.Raw] = {}
    product: Slug | None = None
    tax_category: Slug | None = None


class PlanCommitmentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The least that a whole period costs, in the plan's currency and, in `currencies`, in each other one."""

    amount: Decimal
    currencies: dict[Currency, Decimal] = {}


class PlanVersionCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan version to be, published at once and never changed.

    It is sold in `currency` and in `currencies`; where the latter is left out, in those that its prices name.
    """

    name: Name
    currency: Currency
    currencies: Annotated[list[Currency], Meta(max_length=MAX_CURRENCIES)] | None = None
    interval: Interval = "month"
    interval_count: Annotated[int, Meta(ge=1, le=12)] = 1
    trial_days: Annotated[int, Meta(ge=0, le=730)] = 0
    commitment: PlanCommitmentIn | None = None
    prices: Annotated[list[PriceCreate], Meta(min_length=1, max_length=100)]


class PlanCreate(PlanVersionCreate, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan to be, with its first version."""

    code: Code


class PriceOut(msgspec.Struct, frozen=True):
    """A published price in one currency; `price` is its definition as it was sent.

    `timing`, `interval` and `interval_count` are a recurring price's.
    """

    id: UUID
    code: str
    kind: PriceKind
    name: str
    currency: str
    meter: str | None
    unit: str | None
    timing: Timing | None
    interval: Interval | None
    interval_count: int | None
    model: str
    price: msgspec.Raw
    product: str | None
    tax_category: str | None


class PlanCommitmentOut(msgspec.Struct, frozen=True):
    """The least that a whole period costs: `amount` in the plan's currency, `currencies` in the others."""

    amount: DecimalText
    currencies: dict[str, DecimalText]


class PlanOut(msgspec.Struct, frozen=True):
    """A published plan version; a `deprecated` one is for sale no more. `currencies` has its main one first."""

    id: UUID
    code: str
    version: int
    name: str
    status: PlanStatus
    currency: str
    currencies: list[str]
    interval: Interval
    interval_count: int
    trial_days: int
    commitment: PlanCommitmentOut | None
    prices: list[PriceOut]
    created_at: datetime
    deprecated_at: datetime | None
