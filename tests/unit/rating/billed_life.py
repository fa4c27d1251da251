"""A subscription's life for the pure domain: a contract that changes, and ratings that know what those before charged."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Calendar, Contract, CouponUse, Item, Phase
from corebilling.kernel.period import Period
from corebilling.kernel.plan import PlanPrice
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.assessment import Assessment
from corebilling.rating.domain.engine import of_quantity
from corebilling.rating.domain.fees import Standing, with_charges
from corebilling.rating.domain.metered import Reading
from corebilling.rating.domain.rating import Rated, RatingOrder
from corebilling.rating.domain.timeline import Offers

TENANT, SUBSCRIPTION, CUSTOMER, PLAN = (UUID(int=n) for n in range(1, 5))
DAY = timedelta(days=1)


def at(month: int, day: int = 1, hour: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


class Shop:
    """Prices by name; each is one item as well, with any quantity."""

    def __init__(self) -> None:
        self._prices: dict[str, PlanPrice] = {}
        self._items: dict[tuple[str, Decimal, int], Item] = {}

    def fee(self, name: str, amount: str, *, timing: str = "advance", every: int = 1, kind: str = "recurring") -> None:
        self.sell(name, {"model": "per_unit", "unit_amount": amount}, kind=kind, timing=timing, every=every)

    def sell(self, name: str, price: Mapping[str, Any], *, kind: str = "usage", **more: Any) -> None:
        number = 100 + len(self._prices)
        meter = (UUID(int=number + 1000), name) if kind == "usage" else (None, None)
        self._prices[name] = PlanPrice(
            UUID(int=number), kind, name, *meter, None, msgspec.json.encode(price).decode(), **more
        )

    def item(self, name: str, quantity: object = 1, version: int = 0) -> Item:
        """The same item for the same name, quantity and version."""
        key = (name, Decimal(str(quantity)), version)
        if key not in self._items:
            self._items[key] = Item(UUID(int=9000 + len(self._items)), self._prices[name].price_id, key[1])
        return self._items[key]

    @property
    def offers(self) -> Offers:
        return Offers({}, {(TENANT, p.price_id): p for p in self._prices.values()}, {})


def phase(starts_at: datetime, *items: Item, ends_at: datetime | None = None, **more: Any) -> Phase:
    return Phase(starts_at, ends_at, PLAN, items, **more)


def contract(*phases: Phase, anchor_at: datetime | None = None, currency: str = "EUR", **more: Any) -> Contract:
    """Months from the first phase's start, or another calendar; each phase ends where the next begins."""
    ends = [*(p.starts_at for p in phases[1:]), phases[-1].ends_at]
    made = tuple(msgspec.structs.replace(p, ends_at=end) for p, end in zip(phases, ends, strict=True))
    start = phases[0].starts_at
    more.setdefault("calendars", (Calendar(anchor_at or start, "UTC", "month", 1, start),))
    return Contract(TENANT, SUBSCRIPTION, CUSTOMER, PLAN, currency, phases=made, **more)


def coupon(
    number: int, *, percent: str | None = None, minor: int | None = None, first: int = 0, last: int | None = None
) -> CouponUse:
    off = Decimal(percent) if percent else None
    return CouponUse(UUID(int=700 + number), UUID(int=800 + number), f"C{number}", off, minor, first, last)


class Life:
    """Ratings one after the other; `contract` may be put in another's place between them, as a change does."""

    def __init__(self, shop: Shop, first: Contract) -> None:
        self.shop = shop
        self.contract = first
        self.standing: Standing = {}
        self.carried_minor = 0
        self.settled_at: datetime | None = None
        self.ratings: list[Rated] = []

    def within(self, when: datetime) -> list[tuple[str, int]]:
        """An interim rating."""
        return self._take(self._assess(self.contract.period_at(when), when).within_period(self.standing))

    def close(self, index: int, used: Mapping[str, object] = {}) -> list[tuple[str, int]]:
        """The closing of a period; `used` are quantities by meter."""
        period = self.contract.period(index)
        assessment = self._assess(period, period.end)
        figures = [self._figures(reading, used) for reading in assessment.read({}, [])]
        return self._take(assessment.of_period(iter([(f, f) for f in figures]), self.standing, "next_invoice"))

    @property
    def lines(self) -> Sequence[BilledCharge]:
        """Of the last rating."""
        return self.ratings[-1].charges

    @property
    def billed_minor(self) -> int:
        """Of all ratings: invoices less credit notes."""
        notes = [c for rated in self.ratings for c in rated.charges if c.kind == "credit_note"]
        return sum(rated.total_minor for rated in self.ratings) + sum(note.amount_minor for note in notes)

    def _assess(self, period: Period, as_of: datetime) -> Assessment:
        self.settled_at = max(self.settled_at or as_of, as_of)
        order = RatingOrder(
            TENANT, SUBSCRIPTION, period, 1, settled_at=self.settled_at, carried_minor=self.carried_minor
        )
        return Assessment(order, self.contract, self.shop.offers)

    @staticmethod
    def _figures(reading: Reading, used: Mapping[str, object]) -> UsageFigures:
        return of_quantity(Decimal(str(used.get(reading.covered.price.name, 0))))

    def _take(self, rated: Rated) -> list[tuple[str, int]]:
        assert rated.total_minor == sum(c.amount_minor for c in rated.charges if c.kind != "credit_note") >= 0
        self.standing = with_charges(self.standing, rated.charges)
        self.carried_minor = rated.carried_minor
        self.ratings.append(rated)
        return [(charge.kind, charge.amount_minor) for charge in rated.charges]
