"""Charges as rating hands them to invoices."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

ChargeKind = Literal[
    "recurring",
    "one_off",
    "usage",
    "minimum",
    "commitment",
    "late_usage",
    "adjustment",
    "proration",
    "discount",
    "carried",
    "credit_note",
]
"""What a charge is for.

`recurring` and `one_off` are fees, `usage` what a meter counted, `minimum` the true-up to a price's minimum, `commitment`
the true-up to the subscription's. `late_usage` is usage of an earlier period that came in since, `adjustment` what a
correction makes of an earlier period. `proration` is what a change within a period gives back or takes on top of what was
charged ahead. `discount` is a coupon. `carried` takes a credit that exceeds an invoice over to the next one (positive
where it is put off, negative where it is taken). `credit_note` is a credit that goes on a credit note instead of the invoice.
"""


class DerivationStep(msgspec.Struct, frozen=True):
    """One step of how an amount came about; for a tier, `quantity` x `unit_amount` (+ `flat_amount`) = `amount`."""

    label: str
    quantity: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    amount: Decimal


class Derivation(msgspec.Struct, frozen=True):
    """How a charge was computed, enough to check it by hand and to compute it again.

    `amount` is exact in major units and the sum of the steps; the charge's minor amount is this rounded once, less
    `already_billed_minor`. `true_up` is what a price's minimum asks on top: a charge of its own. `note` says in words what
    the steps can't, such as both figures of an adjustment.
    """

    model: str
    quantity: Decimal
    steps: tuple[DerivationStep, ...]
    amount: Decimal
    epoch: int
    engine_version: str
    already_billed_minor: int = 0
    true_up: Decimal = Decimal(0)
    note: str | None = None


class BilledCharge(msgspec.Struct, frozen=True):
    """A charge: becomes one invoice line. `[period_start, period_end)` is the time it is for.

    `item_id` is the contract's item (None: a price of its own standing, or none). `discount_minor` (0 or less) is this
    charge's share of the discounts on the same invoice, `cost` what its usage cost the operator (major units, exact).
    A `standing` charge is one that later ratings must know; with the item, `term_start` tells what it settles: where the
    item's part of a term begins (for usage: its billing period, where that begins earlier). `settles_minor` is how much of
    what was due it takes where that isn't `amount_minor`: a credit gives discounts back in proportion.
    """

    charge_no: int
    price_id: UUID | None
    kind: ChargeKind
    description: str
    meter_code: str | None
    unit: str | None
    quantity: Decimal
    amount_minor: int
    period_start: datetime
    period_end: datetime
    derivation: Derivation
    item_id: UUID | None = None
    discount_minor: int = 0
    cost: Decimal | None = None
    term_start: datetime | None = None
    standing: bool = False
    settles_minor: int | None = None


class ChargeFinding(msgspec.Struct, frozen=True):
    """A figure of a stored charge that isn't what its pinned inputs give; of the whole rating where there is no `charge_no`."""

    rating_id: UUID
    charge_no: int | None
    figure: str
    stored: str
    computed: str
