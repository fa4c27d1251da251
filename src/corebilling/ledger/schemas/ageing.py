"""Wire structs of ageing. Amounts are integer minor units of `currency`."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from corebilling.kernel.receivable import Aged, Receivable


class Buckets(msgspec.Struct, frozen=True):
    """What is owed, by how many days ago it was due: not due yet, up to 30 days ago, and so on."""

    currency: str
    not_due_minor: int
    days_0_30_minor: int
    days_31_60_minor: int
    days_61_90_minor: int
    over_90_minor: int
    total_minor: int


class CurrencyAgeingOut(Buckets, frozen=True):
    """What all customers together owe in a currency."""

    customer_count: int

    @classmethod
    def of(cls, aged: Aged) -> Self:
        """As it is shown."""
        return cls(*_buckets(aged), aged.customer_count)


class CustomerAgeingOut(Buckets, frozen=True):
    """What one customer owes in a currency."""

    customer_id: UUID | None

    @classmethod
    def of(cls, aged: Aged) -> Self:
        """As it is shown."""
        return cls(*_buckets(aged), aged.customer_id)


class AgeingOut(msgspec.Struct, frozen=True):
    """Receivables just before `as_of`; `data` has the customers who owe most, `invoices` those of the customer asked for."""

    as_of: datetime
    currencies: list[CurrencyAgeingOut]
    data: list[CustomerAgeingOut]
    invoices: list[Receivable] | None


def _buckets(aged: Aged) -> tuple[str, int, int, int, int, int, int]:
    owed = (
        aged.not_due_minor,
        aged.days_0_30_minor,
        aged.days_31_60_minor,
        aged.days_61_90_minor,
        aged.over_90_minor,
    )
    return (aged.currency, *owed, sum(owed))
