"""Charges as rating hands them to invoices."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

ChargeKind = Literal["recurring", "usage", "late_usage"]


class DerivationStep(msgspec.Struct, frozen=True):
    """One step of how an amount came about; for a tier, `quantity` x `unit_amount` (+ `flat_amount`) = `amount`."""

    label: str
    quantity: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    amount: Decimal


class Derivation(msgspec.Struct, frozen=True):
    """How a charge was computed, enough to check it by hand and to compute it again.

    `amount` is exact in major units; the charge's minor amount is this, less `already_billed_minor`, rounded once.
    """

    model: str
    quantity: Decimal
    steps: tuple[DerivationStep, ...]
    amount: Decimal
    epoch: int
    engine_version: str
    already_billed_minor: int = 0


class BilledCharge(msgspec.Struct, frozen=True):
    """A final charge: becomes one invoice line. `[period_start, period_end)` is the period the usage belongs to."""

    charge_no: int
    price_id: UUID
    kind: ChargeKind
    description: str
    meter_code: str | None
    unit: str | None
    quantity: Decimal
    amount_minor: int
    period_start: datetime
    period_end: datetime
    derivation: Derivation
