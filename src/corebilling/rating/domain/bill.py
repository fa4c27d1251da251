"""The charges of one rating while they come together: numbered as they come, and what they add up to."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from corebilling.kernel.charge import BilledCharge, ChargeKind, Derivation, DerivationStep
from corebilling.kernel.contract import Contract
from corebilling.kernel.money import EXACT, MAX_MINOR, from_minor, to_minor
from corebilling.kernel.period import Period
from corebilling.rating.domain.engine import ENGINE_VERSION
from corebilling.rating.domain.timeline import Covered

ONE = Decimal(1)
ZERO = Decimal(0)


class Bill:
    """`period` is the one that the rating is for, or within; `epoch` the usage watermark.

    `settled` is what fees were looked at for, by item and start: whatever else was charged for is nobody's any more.
    """

    __slots__ = ("contract", "epoch", "lines", "period", "settled")

    def __init__(self, contract: Contract, period: Period, epoch: int) -> None:
        self.contract = contract
        self.period = period
        self.epoch = epoch
        self.lines: list[BilledCharge] = []
        self.settled: set[tuple[UUID, datetime]] = set()

    @property
    def total_minor(self) -> int:
        """What goes on the invoice, so without what goes on a credit note. Raises `Invalid` beyond BIGINT."""
        total = sum(line.amount_minor for line in self.lines if line.kind != "credit_note")
        if abs(total) > MAX_MINOR:
            to_minor(from_minor(total, self.contract.currency), self.contract.currency)
        return total

    def add_item(
        self,
        kind: ChargeKind,
        covered: Covered,
        description: str,
        quantity: Decimal,
        amount_minor: int,
        start: datetime,
        end: datetime,
        derivation: Derivation,
        *,
        cost: Decimal | None = None,
        term_start: datetime | None = None,
        standing: bool = False,
        settles_minor: int | None = None,
    ) -> None:
        """A charge of one of the contract's items."""
        price = covered.price
        self.lines.append(
            BilledCharge(
                len(self.lines) + 1,
                price.price_id,
                kind,
                description,
                price.meter_code,
                price.unit,
                quantity,
                amount_minor,
                start,
                end,
                derivation,
                covered.item.item_id,
                0,
                cost,
                term_start,
                standing,
                settles_minor,
            )
        )

    def add(
        self,
        kind: ChargeKind,
        description: str,
        derivation: Derivation,
        start: datetime,
        end: datetime,
        *,
        price_id: UUID | None = None,
        item_id: UUID | None = None,
        term_start: datetime | None = None,
        standing: bool = False,
        settles_minor: int | None = None,
    ) -> None:
        """A charge of no item that the contract has now; its amount is what the derivation comes to."""
        line = BilledCharge(
            charge_no=len(self.lines) + 1,
            price_id=price_id,
            kind=kind,
            description=description,
            meter_code=None,
            unit=None,
            quantity=ONE,
            amount_minor=to_minor(derivation.amount, self.contract.currency) - derivation.already_billed_minor,
            period_start=start,
            period_end=end,
            derivation=derivation,
            item_id=item_id,
            term_start=term_start,
            standing=standing,
            settles_minor=settles_minor,
        )
        self.lines.append(line)

    def derived(
        self, model: str, steps: tuple[DerivationStep, ...], already_billed_minor: int = 0, note: str | None = None
    ) -> Derivation:
        """A derivation of steps that add up to its amount."""
        amount = ZERO
        for step in steps:
            amount = EXACT.add(amount, step.amount)
        return Derivation(model, ONE, steps, amount, self.epoch, ENGINE_VERSION, already_billed_minor, note=note)

    def major(self, minor: int) -> Decimal:
        """Minor units of the contract's currency as an exact amount."""
        return from_minor(minor, self.contract.currency)


def fixed_step(label: str, amount: Decimal) -> DerivationStep:
    """A step that is an amount, not a product."""
    return DerivationStep(label, ONE, ZERO, amount, amount)
