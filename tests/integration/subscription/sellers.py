"""Two sandboxes that sell the same plans under the same names, each with a clock that a test puts forward."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import SubscriptionDue
from corebilling.kernel.contract import Contract
from corebilling.kernel.ids import new_id
from corebilling.pricing.schemas import CouponCreate, PlanCreate, PlanVersionCreate
from corebilling.subscription.handlers import HANDLERS
from corebilling.subscription.schemas import SubscriptionCreate, SubscriptionOut
from corebilling.usage.schemas import MeterCreate
from parties import Parties, WrittenEvent

START = datetime(2026, 4, 1, tzinfo=UTC)


def fee(code: str, amount: str = "30.00", timing: str = "advance", **wanted: Any) -> dict[str, Any]:
    price = {"model": "per_unit", "unit_amount": amount}
    return {"kind": "recurring", "code": code, "name": code.title(), "timing": timing, "price": price, **wanted}


CALLS = {
    "kind": "usage",
    "code": "calls",
    "name": "Calls",
    "meter": "calls",
    "price": {"model": "per_unit", "unit_amount": "0.1"},
}
PLANS: tuple[dict[str, Any], ...] = (
    {"code": "basic", "prices": [fee("base")]},
    {"code": "pro", "prices": [fee("base", "60.00"), CALLS]},
    {"code": "team", "prices": [fee("seat", "12.00"), CALLS]},
    {"code": "yearly", "interval": "year", "prices": [fee("base", "300.00")]},
    {"code": "metered", "prices": [CALLS]},
    {"code": "minimal", "commitment": {"amount": "100.00"}, "prices": [CALLS]},
    {"code": "extras", "prices": [fee("support", "5.00", "arrears")]},
    {"code": "trial", "trial_days": 14, "prices": [fee("base")]},
)


@dataclass
class Seller:
    """One tenant and what it does."""

    parties: Parties
    id: UUID

    async def subscribe(self, external_id: str, plan: str = "basic", **wanted: Any) -> SubscriptionOut:
        async with self.parties.db.tenant(self.id) as tx:
            body = {"customer_id": "acme", "plan": plan, "external_id": external_id, **wanted}
            data = msgspec.json.decode(msgspec.json.encode(body), type=SubscriptionCreate)
            return await self.parties.subscriptions.create(tx, self.id, data)

    async def do(self, name: str, ref: str, *arguments: Any) -> Any:
        """Call a method of the service in a transaction of the tenant."""
        async with self.parties.db.tenant(self.id) as tx:
            return await getattr(self.parties.subscriptions, name)(tx, self.id, ref, *arguments)

    async def get(self, ref: str) -> SubscriptionOut:
        found: SubscriptionOut = await self.do("get", ref)
        return found

    async def contract(self, subscription_id: UUID) -> Contract:
        async with self.parties.db.tenants([self.id]) as tx:
            return (await self.parties.subscriptions.contracts(tx, [(self.id, subscription_id)]))[
                self.id, subscription_id
            ]

    async def publish(self, code: str, amount: str) -> None:
        """Another version of a plan, with one fee."""
        async with self.parties.db.tenant(self.id) as tx:
            body = {"name": code.title(), "currency": "EUR", "prices": [fee("base", amount)]}
            data = msgspec.json.decode(msgspec.json.encode(body), type=PlanVersionCreate)
            await self.parties.pricing.publish_version(tx, self.id, code, data)

    async def advance(self, to: datetime) -> None:
        """Put the clock forward, waking nobody."""
        async with self.parties.db.system() as tx:
            await self.parties.tenants.move_clock(tx, self.id, to, done=True)

    async def events(self, *subjects: str) -> list[WrittenEvent]:
        return await self.parties.events(self.id, *subjects)

    def due(self, subscription_id: UUID, at: datetime) -> Envelope[SubscriptionDue]:
        """The scheduler's call."""
        payload = SubscriptionDue(subscription_id, at)
        return Envelope(
            new_id(), "billing.subscription.due", 1, self.id, subscription_id, 0, new_id(), None, None, at, payload
        )


async def wake(parties: Parties, calls: Sequence[Envelope[SubscriptionDue]]) -> None:
    """Hand calls to the handler, as the router does."""
    async with parties.db.tenants({call.tenant_id for call in calls}) as tx:
        await HANDLERS[SubscriptionDue](parties.subscriptions, tx, calls)


async def new_seller(parties: Parties, **wanted: Any) -> Seller:
    """A sandbox at `START` with the plans above, the customer `acme` and three coupons."""
    tenant_id = await parties.tenant(sandbox=True, clock_at=START, **wanted)
    await parties.customer(tenant_id, "acme")
    async with parties.db.tenant(tenant_id) as tx:
        await parties.meters.create_meter(tx, tenant_id, MeterCreate("calls", "count"))
        for plan in PLANS:
            body = {"name": plan["code"].title(), "currency": "EUR", **plan}
            data = msgspec.json.decode(msgspec.json.encode(body), type=PlanCreate)
            await parties.pricing.create_plan(tx, tenant_id, data)
        for coupon in (
            {"code": "ONCE", "percent_off": "0.2", "duration": "once"},
            {
                "code": "THRICE",
                "amount_off_minor": 500,
                "currency": "EUR",
                "duration": "repeating",
                "duration_periods": 3,
            },
            {"code": "EVER", "percent_off": "0.1", "duration": "forever", "max_redemptions": 1},
        ):
            data = msgspec.json.decode(msgspec.json.encode({"name": coupon["code"], **coupon}), type=CouponCreate)
            await parties.pricing.create_coupon(tx, tenant_id, data)
    return Seller(parties, tenant_id)
