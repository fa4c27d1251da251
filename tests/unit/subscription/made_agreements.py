"""Plans and agreements to try the rules of subscriptions on."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import Commitment, PlanPrice, PublishedPlan
from corebilling.subscription.domain import orders
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.catalog import Catalog
from corebilling.subscription.domain.terms import Asked

TENANT = UUID("0196b5a0-0000-7000-8000-000000000001")
NOW = datetime(2026, 3, 15, 12, 30, 45, tzinfo=UTC)


def price(code: str, kind: str = "recurring", timing: str = "arrears", currency: str = "EUR") -> PlanPrice:
    meter_id = uuid5(TENANT, code) if kind == "usage" else None
    return PlanPrice(
        uuid5(TENANT, f"{code} {currency} {new_id()}"), kind, code.title(), meter_id, code if meter_id else None, None,
        '{"model":"flat","amount":"1"}', code, currency, timing,
    )  # fmt: skip


def plan(code: str, *prices: PlanPrice, interval: Interval = "month", **wanted: Any) -> PublishedPlan:
    made = PublishedPlan(
        new_id(), code, 1, code.title(), "EUR", interval, 1, prices or (price("base", timing="advance"),)
    )
    made = replace(made, **wanted)
    return replace(made, prices=tuple(replace(each, plan_id=made.plan_id) for each in made.prices))


BASIC = plan("basic")
PRO = plan("pro", price("base", timing="advance"), price("calls", "usage"))
YEARLY = plan("yearly", interval="year")
TEAM = plan("team", price("seat", timing="advance"), price("calls", "usage"), price("setup", "one_off"))
MINIMAL = plan("minimal", commitments=(Commitment("EUR", Decimal(100)),))
METERED = plan("metered", price("calls", "usage"))
EXTRAS = plan("extras", price("support"), price("storage", "usage"))
YEARLY_EXTRAS = plan("yearly-extras", price("audit"), interval="year")
PLANS = (BASIC, PRO, YEARLY, TEAM, MINIMAL, METERED, EXTRAS, YEARLY_EXTRAS)
BY_ID = {each.plan_id: each for each in PLANS}
CATALOG = Catalog(
    {each.code: each for each in PLANS}, {offer.price_id: each for each in PLANS for offer in each.prices}
)


def accept(definition: object, kind: object, currency: object, pointer: object) -> None:
    """A price check that finds nothing wrong."""


def customer(currency: str = "EUR", time_zone: str = "UTC") -> CustomerProfile:
    return CustomerProfile(TENANT, new_id(), "acme", "Acme", None, currency, time_zone)


def agreements(*wanted: orders.Order, now: datetime = NOW, time_zone: str = "UTC") -> list[Agreement]:
    seller = orders.Seller(TENANT, now, now, "second")
    return orders.agreements(wanted, {"acme": customer(time_zone=time_zone)}, CATALOG, seller, accept)


def agreement(
    plan: str = "basic", *, now: datetime = NOW, time_zone: str = "UTC", asked: Asked = Asked(), **wanted: Any
) -> Agreement:
    """One subscription of the customer `acme`, before anything has fallen due."""
    order = orders.Order(customer="acme", plan=plan, asked=asked, **wanted)
    return agreements(order, now=now, time_zone=time_zone)[0]
