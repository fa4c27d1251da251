"""What subscriptions ask of other contexts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Contract
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.plan import Coupon, CouponClaim, PlanPrice, PriceKind, PublishedPlan
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, thing)"""


class Plans(Protocol):
    """Published plans by their id or code, by (tenant, plan), and prices by (tenant, price); unknown ones are absent."""

    async def plans_by_ref(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, PublishedPlan]: ...

    async def plans(self, tx: Tx, keys: Collection[Key]) -> dict[Key, PublishedPlan]: ...

    async def prices(self, tx: Tx, keys: Collection[Key]) -> dict[Key, PlanPrice]: ...


class Coupons(Protocol):
    """Coupons that may still be redeemed: counted, or refused with `Invalid` or `Conflict`."""

    async def redeem(
        self,
        tx: Tx,
        tenant_id: UUID,
        claims: Sequence[CouponClaim],
        *,
        at: datetime,
        cause: Envelope[object] | None = None,
    ) -> Sequence[Coupon]: ...


class PriceChecks(Protocol):
    """Whether a price definition can be computed; raises `Invalid` with a JSON pointer below `pointer` for each fault."""

    def check(self, definition: bytes | str, kind: PriceKind, currency: str, pointer: str) -> str: ...


class ChangePreviews(Protocol):
    """The charges that a change at `at` makes when it is billed at once."""

    async def preview_change(
        self, tx: Tx, before: Contract, after: Contract, at: datetime
    ) -> Sequence[BilledCharge]: ...


class Customers(Protocol):
    """Customers, by their id or external id."""

    async def by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, CustomerProfile]: ...


class Tenants(Protocol):
    """What tenants have set."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]: ...


class Clocks(Protocol):
    """The time each tenant lives in."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...
