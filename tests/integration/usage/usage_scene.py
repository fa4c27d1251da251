"""Two tenants that sell the same things, and short ways to report usage and to ask for it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.usage import UsageWindow
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.tenant.schemas import ApiKeyCreate
from corebilling.usage.domain.event import ItemResult, UsageEvent
from corebilling.usage.rejections import RejectionFilter
from corebilling.usage.schemas import MeterCreate
from corebilling.usage.service import UsageService
from parties import Parties

FAR = datetime(9000, 1, 1, tzinfo=UTC)
LAST_EPOCH = 2**62

METERS = {
    "calls": MeterCreate("calls", "count"),
    "data": MeterCreate("data", "sum", unit="GB"),
    "tokens": MeterCreate("tokens", "sum", value_property="tokens"),
    "seats": MeterCreate("seats", "max"),
    "users": MeterCreate("users", "unique_count", unique_property="user"),
}

_numbers = count()


@dataclass
class Seller:
    """A tenant with a plan, meters, and customers `acme` (one subscription, `acme-sub`) and `many` (two of them)."""

    tenant_id: UUID
    meters: dict[str, UUID]
    subscriptions: dict[str, UUID]
    customers: dict[str, UUID]


@dataclass
class Scene:
    """The services and both sellers."""

    db: Database
    parties: Parties
    usage: UsageService
    now: datetime = field(default_factory=wall_clock)
    one: Seller = field(init=False)
    two: Seller = field(init=False)

    async def seller(self, name: str, **wanted: Any) -> Seller:
        tenant_id = await self.parties.tenant(name, **wanted)
        start_at = wanted.get("clock_at", self.now) - timedelta(days=30)
        await self.parties.plan(tenant_id, "basic")
        async with self.db.tenant(tenant_id) as tx:
            meters = {code: (await self.usage.create_meter(tx, tenant_id, METERS[code])).id for code in METERS}
        customers = {}
        subscriptions = {}
        for external_id, customer in (("acme-sub", "acme"), ("many-1", "many"), ("many-2", "many")):
            if customer not in customers:
                customers[customer] = (await self.parties.customer(tenant_id, customer)).id
            made = await self.parties.subscription(tenant_id, customer, "basic", external_id, start_at=start_at)
            subscriptions[external_id] = made.id
        return Seller(tenant_id, meters, subscriptions, customers)

    def event(self, id: str | None = None, /, **values: Any) -> UsageEvent:
        """A sound event of `acme-sub`, an hour ago, with a name of its own."""
        wire = {
            "id": id or f"event-{next(_numbers)}",
            "meter": "data",
            "subscription_id": "acme-sub",
            "timestamp": self.now - timedelta(hours=1),
            "value": "1.5",
        } | values
        present = {name: value for name, value in wire.items() if value is not None}
        return msgspec.json.decode(msgspec.json.encode(present), type=UsageEvent)

    async def ingest(self, seller: Seller, *events: UsageEvent) -> list[ItemResult]:
        async with self.db.tenant(seller.tenant_id) as tx:
            return await self.usage.ingest(tx, seller.tenant_id, events)

    async def statuses(self, seller: Seller, *events: UsageEvent) -> list[str]:
        return [result.code or result.status for result in await self.ingest(seller, *events)]

    async def quantity(
        self,
        seller: Seller,
        meter: str = "data",
        subscription: str = "acme-sub",
        start: datetime = FAR.replace(year=2000),
        end: datetime = FAR,
        epoch: int = LAST_EPOCH,
    ) -> Decimal:
        """What the window holds, as rating would ask for it."""
        window = UsageWindow(
            seller.tenant_id, seller.subscriptions[subscription], seller.meters[meter], start, end, epoch
        )
        return (await self.quantities([window]))[0]

    async def quantities(self, windows: Sequence[UsageWindow]) -> list[Decimal]:
        async with self.db.tenants({window.tenant_id for window in windows}) as tx:
            return await self.usage.aggregate(tx, windows)

    async def rejection_codes(self, seller: Seller) -> list[str]:
        async with self.db.tenant(seller.tenant_id) as tx:
            kept = await self.usage.list_rejections(tx, seller.tenant_id, RejectionFilter(), after=None, limit=100)
        return [rejection.code for rejection in kept]


async def set_scene(db: Database) -> Scene:
    """Both sellers, made anew."""
    parties = Parties(db)
    usage = UsageService(clock=wall_clock, clocks=parties.tenants, subscriptions=parties.subscriptions)
    scene = Scene(db, parties, usage)
    scene.one = await scene.seller("one")
    scene.two = await scene.seller("two")
    return scene


async def key_of(scene: Scene, seller: Seller) -> str:
    """An API key that may do everything with the seller's usage."""
    scopes = ["usage:write", "billing:read", "billing:write"]
    async with scene.db.tenants([seller.tenant_id]) as tx:
        made = await scene.parties.tenants.create_api_key(
            tx, seller.tenant_id, ApiKeyCreate(name="test", scopes=scopes)
        )
    assert made.secret is not None
    return made.secret


def random_bounds(chance: random.Random, first: datetime, days: int) -> tuple[datetime, datetime]:
    """A window somewhere in the days from `first` on: of any length, often at full hours, now and then the wrong way round."""
    a, b = sorted(first + timedelta(microseconds=chance.randrange(0, days * 86_400_000_000)) for _ in range(2))
    if chance.random() < 0.3:
        a = a.replace(minute=0, second=0, microsecond=0)
    if chance.random() < 0.3:
        b = b.replace(minute=0, second=0, microsecond=0)
    if chance.random() < 0.2:
        b = a + timedelta(minutes=chance.randrange(0, 50))
    return (b, a) if chance.random() < 0.05 else (a, b)
