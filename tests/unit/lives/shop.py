"""What is sold in a random life, and what a change makes of a state by the rules of the subscription's README."""

import random
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace
from oracle import Price, Sold, State

from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import Commitment, PlanPrice, PublishedPlan
from corebilling.rating.domain.timeline import Offers
from corebilling.subscription.domain.agreement import Change
from corebilling.subscription.domain.catalog import Catalog

TENANT = UUID(int=1)
EXPONENTS = {"EUR": 2, "JPY": 0, "KWD": 3}


class Wish(msgspec.Struct, frozen=True):
    """A change as it was ordered: what it makes of what is there."""

    at: datetime
    change: Change
    gives_back: bool
    plan: str | None = None
    quantities: tuple[tuple[str, Decimal], ...] = ()
    amounts: tuple[tuple[str, int], ...] = ()
    added: tuple[Sold, ...] = ()
    removed: tuple[str, ...] = ()
    commitment: int | None = None
    phase_id: UUID | None = None


class Shop:
    """Plans of two intervals in one currency, with the same prices' codes, and one of add-ons for each."""

    def __init__(self, chance: random.Random, currency: str) -> None:
        self.currency = currency
        self.states: dict[str, State] = {}
        self.prices: dict[str, Price] = {}
        self.plans: dict[str, PublishedPlan] = {}
        for interval in ("month", "year" if chance.random() < 0.7 else "quarter"):
            for number in range(2):
                self._plan(f"{interval}{number}", interval, chance)
            self._plan(f"{interval}_extras", interval, chance)
        self.by_id = {plan.plan_id: plan for plan in self.plans.values()}
        self.catalog = Catalog(self.plans, {p.price_id: plan for plan in self.plans.values() for p in plan.prices})
        self.offers = Offers(
            {(TENANT, plan.plan_id): plan for plan in self.plans.values()},
            {(TENANT, p.price_id): p for plan in self.plans.values() for p in plan.prices},
            {},
        )

    def _plan(self, code: str, interval: object, chance: random.Random) -> None:
        kinds = [("seat", "recurring", True), ("fee", "recurring", False), ("data", "usage", False)]
        kinds += [("setup", "one_off", True)] if chance.random() < 0.5 else []
        kinds += [("extra", "recurring", chance.random() < 0.5)] if chance.random() < 0.5 else []
        made = []
        for name, kind, ahead in kinds:
            every = chance.choice((1, 1, 2, 3)) if kind == "recurring" else 1
            minor = chance.randrange(1, 50 if kind == "usage" else 9999)
            price = Price(code, name, kind, minor, ahead, every)
            self.prices[f"{code}/{name}"] = price
            made.append(self._price(price))
        plan_id = new_id()
        committed = chance.randrange(0, 20000) if chance.random() < 0.3 else 0
        plan = PublishedPlan(
            plan_id,
            code,
            1,
            code,
            self.currency,
            interval,
            1,
            tuple(replace(p, plan_id=plan_id) for p in made),  # type: ignore[arg-type]
        )
        if committed:
            plan = replace(plan, commitments=(Commitment(self.currency, self.major(committed)),))
        self.plans[code] = plan
        items = tuple(Sold(p, Decimal(1), p.minor) for p in self.prices.values() if p.origin == code)
        self.states[code] = State(code, interval, items, committed)  # type: ignore[arg-type]

    def _price(self, price: Price) -> PlanPrice:
        meter = (uuid5(TENANT, price.code), price.code) if price.kind == "usage" else (None, None)
        return PlanPrice(
            new_id(), price.kind, price.code, *meter, None, self.definition(price.minor), price.code, self.currency,  # type: ignore[arg-type]
            "advance" if price.ahead else "arrears", price.every,
        )  # fmt: skip

    def major(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-EXPONENTS[self.currency])

    def definition(self, minor: int) -> str:
        return msgspec.json.encode({"model": "per_unit", "unit_amount": str(self.major(minor))}).decode()


def meant(state: State, wish: Wish, shop: Shop) -> State:
    """What a change makes of a state, by the rules of the README."""
    items = list(state.items)
    if wish.plan is not None and wish.plan != state.plan:
        new = shop.states[wish.plan]
        seats = {s.price.code: s.quantity for s in items if s.price.origin == state.plan and s.price.kind != "usage"}
        own = [
            s if s.price.kind == "usage" else replace(s, quantity=seats.get(s.price.code, s.quantity))
            for s in new.items
        ]
        items = own + [s for s in items if s.price.origin != state.plan]
        state = replace(new, items=())
    names = {name_of(s, state.plan): s for s in items}
    for name in wish.removed:
        del names[name]
    for name, quantity in wish.quantities:
        names[name] = replace(names[name], quantity=quantity)
    for name, minor in wish.amounts:
        names[name] = replace(names[name], minor=minor)
    commitment = state.commitment if wish.commitment is None else wish.commitment
    return replace(state, items=(*names.values(), *wish.added), commitment=commitment)


def name_of(sold: Sold, plan: str) -> str:
    return sold.price.code if sold.price.origin == plan else f"{sold.price.origin}/{sold.price.code}"
