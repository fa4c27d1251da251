"""One rating from what is known to its charges. Pure: what has to be known is asked for in between, for many at once.

The order of the lines is the order of the rules: fees, one-offs and usage item by item, the true-up to the commitment, what
earlier periods come to since, coupons, and last what is carried (README.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.charge import ChargeKind
from corebilling.kernel.contract import Contract
from corebilling.kernel.party import CorrectionMode
from corebilling.kernel.period import Period
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.bill import Bill
from corebilling.rating.domain.carrying import add_carried
from corebilling.rating.domain.commitment import add_commitment, add_commitment_change, commitment_change
from corebilling.rating.domain.discounts import add_discounts
from corebilling.rating.domain.fees import (
    Standing,
    add_ahead,
    add_arrears,
    add_one_off,
    is_ahead,
    terms_looked_at,
)
from corebilling.rating.domain.gone import add_gone
from corebilling.rating.domain.metered import (
    BilledUsage,
    Costs,
    Reading,
    add_recount,
    add_usage,
    readings,
    recount,
)
from corebilling.rating.domain.rating import Rated, RatingOrder
from corebilling.rating.domain.timeline import Covered, Offers, coverage, known_at

Billed = Mapping[tuple[UUID | None, datetime], BilledUsage]
"""What was billed of a period's usage, by item and start of its window; by no item: of its commitment."""


class Assessment:
    """A subscription as one rating sees it, and what that rating makes of it.

    `contract` is the contract as it was known at the order's `as_of`. Raises `Invalid` for what has no price.
    """

    def __init__(self, order: RatingOrder, contract: Contract, offers: Offers) -> None:
        self.order = order
        self.contract = known_at(contract, order.as_of)
        self._times: Sequence[Covered] = coverage(self.contract, offers)
        self._readings: list[Reading] = []
        self._late: list[tuple[Period, list[Reading], Billed]] = []

    @property
    def standing_since(self) -> datetime | None:
        """From when on standing charges have to be known; None where nothing here could stand."""
        since: list[datetime] = []
        if not self.order.afterwards and any(
            is_ahead(covered) or covered.price.kind == "one_off" for covered in self._times
        ):
            bill = self._bill(self.order.period)
            since += (at for covered in self._times for at in terms_looked_at(bill, covered))
        if any(coupon.amount_off_minor is not None for coupon in self.contract.coupons):
            since.append(self.order.period.start)
        if self.order.interim_at is not None and self.order.interim_at >= self.order.period.start:
            since.append(self.order.period.start)
        return min(since, default=None)

    @property
    def meters(self) -> Iterator[UUID]:
        """The meters whose usage counts, whenever it did."""
        return (c.price.meter_id for c in self._times if c.price.meter_id is not None)

    def read(self, costs: Costs, late: Sequence[tuple[Period, Billed]]) -> Iterator[Reading]:
        """The usage that has to be known: of the period, and of earlier ones that got some since they were billed."""
        epoch = self.order.epoch
        if not self.order.afterwards:
            self._readings = list(readings(self.contract, self._times, self.order.period, epoch, costs))
        self._late = [
            (period, list(readings(self.contract, self._times, period, epoch, costs)), billed)
            for period, billed in late
        ]
        yield from self._readings
        for _, found, _ in self._late:
            yield from found

    def of_period(
        self, figures: Iterator[tuple[UsageFigures, UsageFigures]], standing: Standing, mode: CorrectionMode
    ) -> Rated:
        """The charges of a period that is over, and of what came late.

        `figures` answer `read`, in its order, each with those for its cost.
        """
        bill = self._bill(self.order.period)
        if not self.order.afterwards:
            self._add_period(bill, figures, standing)
        for late, found, billed in self._late:
            self._add_late(bill, late, [(reading, *next(figures)) for reading in found], billed, mode)
        add_discounts(bill, standing)
        return self._rated(bill)

    def _add_period(self, bill: Bill, figures: Iterator[tuple[UsageFigures, UsageFigures]], standing: Standing) -> None:
        """The period's own fees, usage and commitment."""
        as_of = self.order.as_of
        answers = {id(reading): next(figures) for reading in self._readings}
        by_item = {id(reading.covered): reading for reading in self._readings}
        started: set[UUID] = set()
        for covered in self._times:
            kind = covered.price.kind
            if kind == "usage":
                reading = by_item.get(id(covered))
                if reading is not None:
                    add_usage(bill, reading, *answers[id(reading)])
            elif kind == "one_off":
                self._add_one_off(bill, covered, started, standing)
            elif is_ahead(covered):
                add_ahead(bill, covered, self._times, as_of, standing)
            else:
                add_arrears(bill, covered, self.order.period.end)
        add_gone(bill, self._times, standing)
        add_commitment(bill, self._times)

    def within_period(self, standing: Standing) -> Rated:
        """The charges of what is due within a period by `as_of`: fees ahead, one-offs, and what changes make of them."""
        return self._rated(self.fees_due(standing))

    def fees_due(self, standing: Standing) -> Bill:
        """The fees ahead and one-offs that are due by `as_of` and not settled yet, with their discounts."""
        bill = self._bill(self.order.period)
        started: set[UUID] = set()
        for covered in self._times:
            if covered.price.kind == "one_off":
                self._add_one_off(bill, covered, started, standing)
            elif is_ahead(covered):
                add_ahead(bill, covered, self._times, self.order.as_of, standing)
        add_gone(bill, self._times, standing)
        add_discounts(bill, standing)
        return bill

    def _add_one_off(self, bill: Bill, covered: Covered, started: set[UUID], standing: Standing) -> None:
        if covered.item.item_id not in started:  # an item that comes back after a pause was paid for at its start
            add_one_off(bill, covered, self.order.as_of, standing)
        started.add(covered.item.item_id)

    def _add_late(
        self,
        bill: Bill,
        late: Period,
        found: Sequence[tuple[Reading, UsageFigures, UsageFigures]],
        billed: Billed,
        mode: CorrectionMode,
    ) -> None:
        counted = [
            recount(self.contract, reading, used, costed, billed, self.order.epoch) for reading, used, costed in found
        ]
        again = [item for item in counted if item is not None]
        committed = commitment_change(self._bill(late), self._times, sum(item.total_minor for item in again), billed)
        # A credit note is for a period that altogether comes out lower; else the parts of it meet on the invoice.
        lower = sum(item.change_minor for item in again) + committed < 0
        credit_kind: ChargeKind = "credit_note" if lower and mode == "credit_note" else "adjustment"
        for item in again:
            add_recount(bill, late, item, credit_kind)
        add_commitment_change(bill, late, committed, billed, credit_kind)

    def _rated(self, bill: Bill) -> Rated:
        # Settled beyond the end, the last period is rated or being so: no invoice that could take a credit is to come.
        ends_at = self.contract.ends_at
        last = ends_at is not None and ends_at <= self.order.as_of
        carried_minor = add_carried(bill, self.order.carried_minor, last=last)
        return Rated(self.order, self.contract, tuple(bill.lines), bill.total_minor, carried_minor)

    def _bill(self, period: Period) -> Bill:
        return Bill(self.contract, period, self.order.epoch)
