"""Ratings in memory: what rating does with its tables, done with lists."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Contract
from corebilling.kernel.period import Period
from corebilling.kernel.usage import UsageFigures, UsageWindow
from corebilling.rating.closing import as_agreed
from corebilling.rating.domain.assessment import Assessment
from corebilling.rating.domain.fees import Settled, with_charges
from corebilling.rating.domain.metered import BilledUsage, Reading
from corebilling.rating.domain.rating import Rated, RatingOrder, current_period, hour_of, periods_of_hour
from corebilling.rating.domain.timeline import Offers

_SETTLED_OF_USAGE = ("usage", "late_usage", "minimum", "commitment", "adjustment", "credit_note")


class Used(msgspec.Struct):
    """An event of a meter; taking it back makes another with less than nothing, of the same instant."""

    meter_id: UUID
    at: datetime
    quantity: int
    epoch: int


class Ratings:
    """All ratings of one subscription, in the order in which they were made."""

    def __init__(self, offers: Offers) -> None:
        self.offers = offers
        self.used: list[Used] = []
        self.epoch = 1
        self.made: list[Rated] = []
        self.foreseen: tuple[datetime, list[tuple[str, str, int]]] | None = None
        self.foresights = 0
        self._final: dict[datetime, Rated] = {}
        self._of_periods: list[Rated] = []
        self._billed_epoch = -1
        self._carried_minor = 0
        self._settled_at: datetime | None = None
        self._interim_at: datetime | None = None

    @property
    def charges(self) -> list[BilledCharge]:
        return [charge for rated in self.made for charge in rated.charges]

    @property
    def carried_minor(self) -> int:
        return self._carried_minor

    def use(self, meter_id: UUID, at: datetime, quantity: int) -> Used:
        self.used.append(Used(meter_id, at, quantity, self.epoch))
        return self.used[-1]

    def seal(self) -> int:
        self.epoch += 1
        return self.epoch - 1

    def within(self, contract: Contract, at: datetime) -> None:
        """What a request for an invoice makes."""
        self._settled_at = max(self._settled_at or at, at)
        self._interim_at = max(self._interim_at or at, at)
        if contract.starts_at > at:
            return
        item = Assessment(self._order(contract, contract.period_at(at)), contract, self.offers)
        rated = item.within_period(self._standing(item))
        if rated.charges:
            self._keep(rated)

    def close(self, contract: Contract, period: Period, epoch: int) -> None:
        """What the closing of a period makes; one that is final already makes nothing."""
        previous = self._billed_epoch
        self._billed_epoch = max(previous, epoch)
        self._settled_at = max(self._settled_at or period.end, period.end)
        if period.start in self._final:
            return
        order = as_agreed(self._order(contract, period, self._billed_epoch, previous), contract)
        rated = self._rate(order, contract)
        if self.foreseen is not None and self.foreseen[0] == period.start:
            assert _shown(rated) == self.foreseen[1]
            self.foresights += 1
        self._final[period.start] = rated
        self._of_periods.append(rated)
        self._keep(rated)

    def late(self, contract: Contract) -> None:
        """What comes after the last closing."""
        previous, self._billed_epoch = self._billed_epoch, max(self._billed_epoch, self.seal())
        assert contract.ends_at is not None
        if contract.starts_at >= contract.ends_at:
            return
        last = contract.period_at(contract.ends_at - timedelta(microseconds=1))
        order = self._order(contract, last, self._billed_epoch, previous)
        rated = self._rate(msgspec.structs.replace(order, afterwards=True), contract)
        if rated.charges:
            self._of_periods.append(rated)
            self._keep(rated)

    def foresee(self, contract: Contract, now: datetime) -> None:
        """The upcoming invoice, to be held against what comes."""
        period = current_period(contract, now)
        order = RatingOrder(
            contract.tenant_id, contract.subscription_id, period, self.epoch, self._billed_epoch,
            settled_at=max(self._settled_at or period.end, period.end), carried_minor=self._carried_minor,
            interim_at=self._interim_at,
        )  # fmt: skip
        self.foreseen = (period.start, _shown(self._rate(order, contract)))

    def _order(self, contract: Contract, period: Period, epoch: int = -1, billed_epoch: int = -1) -> RatingOrder:
        return RatingOrder(
            contract.tenant_id, contract.subscription_id, period, epoch, billed_epoch, settled_at=self._settled_at,
            carried_minor=self._carried_minor, interim_at=self._interim_at,
        )  # fmt: skip

    def _rate(self, order: RatingOrder, contract: Contract) -> Rated:
        item = Assessment(order, contract, self.offers)
        late = self._late(order, contract)
        figures = [self._figures(reading) for reading in item.read({}, late)]
        return item.of_period(iter([(found, found) for found in figures]), self._standing(item), "next_invoice")

    def _figures(self, reading: Reading) -> UsageFigures:
        return self.figures(reading.window)

    def figures(self, window: UsageWindow) -> UsageFigures:
        found = [
            used.quantity
            for used in self.used
            if used.meter_id == window.meter_id and window.start <= used.at < window.end and used.epoch <= window.epoch
        ]
        return UsageFigures(Decimal(sum(found)), len(found))

    def _late(
        self, order: RatingOrder, contract: Contract
    ) -> list[tuple[Period, Mapping[tuple[UUID | None, datetime], BilledUsage]]]:
        if not -1 < order.billed_epoch < order.epoch:
            return []
        hours = {
            hour_of(used.at)
            for used in self.used
            if used.at < order.late_before and order.billed_epoch < used.epoch <= order.epoch
        }
        periods = {p.start: p for hour in hours for p in periods_of_hour(contract, hour, order.late_before)}
        found = []
        for start in sorted(periods):
            billed = self._billed_of(start)
            if billed:
                found.append((periods[start], billed))
        return found

    def _billed_of(self, start: datetime) -> dict[tuple[UUID | None, datetime], BilledUsage]:
        found: dict[tuple[UUID | None, datetime], BilledUsage] = {}
        for rated in self._of_periods:
            for line in rated.charges:
                if (line.term_start or line.period_start) == start and line.kind in _SETTLED_OF_USAGE:
                    key = (line.item_id, line.period_start)
                    before = found.get(key, BilledUsage(Settled(0), Decimal(0)))
                    settles = line.amount_minor if line.settles_minor is None else line.settles_minor
                    settled = Settled(
                        before.settled.settled_minor + settles,
                        before.settled.discount_minor + line.discount_minor + line.amount_minor - settles,
                    )
                    found[key] = BilledUsage(settled, before.quantity + line.quantity)
        return found

    def _standing(self, item: Assessment) -> dict[tuple[UUID, datetime], Settled]:
        since = item.standing_since
        if since is None:
            return {}
        lines = [
            line for line in self.charges if line.standing and line.term_start is not None and line.term_start >= since
        ]
        return dict(with_charges({}, lines))

    def _keep(self, rated: Rated) -> None:
        assert rated.total_minor == sum(c.amount_minor for c in rated.charges if c.kind != "credit_note") >= 0
        self._carried_minor = rated.carried_minor
        self.made.append(rated)


def _shown(rated: Rated) -> list[tuple[str, str, int]]:
    return [(line.kind, line.description, line.amount_minor) for line in rated.charges]
