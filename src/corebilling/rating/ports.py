"""What rating asks of other contexts. Each takes a batch, of many tenants."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.contract import Contract
from corebilling.kernel.party import Attribution, CustomerProfile, TenantProfile
from corebilling.kernel.plan import OperatorCost, PlanPrice, PublishedPlan, RateCard
from corebilling.kernel.usage import LateWindow, UsageFigures, UsageQuestion
from corebilling.platform.db import Tx


class Contracts(Protocol):
    """Subscriptions by (tenant, subscription); unknown ones are absent from the answer."""

    async def contracts(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Contract]: ...


class Subscriptions(Protocol):
    """Subscriptions by their id or external id, and those of customers; what nobody goes by is absent."""

    async def attributions(
        self, tx: Tx, tenant_id: UUID, subscription_refs: Sequence[str], customer_refs: Sequence[str]
    ) -> list[Attribution]: ...


class Plans(Protocol):
    """Plan versions by (tenant, plan) and prices by (tenant, price), which never change; unknown ones are absent."""

    async def plans(self, tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], PublishedPlan]: ...

    async def prices(self, tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], PlanPrice]: ...


class PlanNames(Protocol):
    """Plan versions by id, code (the latest on sale) or `code@version`, and prices by (tenant, price); unknown ones are absent."""

    async def plans_by_ref(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, PublishedPlan]: ...

    async def prices(self, tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], PlanPrice]: ...


class OperatorCosts(Protocol):
    """What usage costs the operator, by (tenant, meter); meters without costs are absent from the answer."""

    async def operator_costs(
        self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], tuple[OperatorCost, ...]]: ...


class RateCards(Protocol):
    """The card that is valid for a customer at an instant, else, and without a customer, the tenant's default one."""

    async def rate_card_for(self, tx: Tx, tenant_id: UUID, customer_id: UUID | None, at: datetime) -> RateCard: ...


class Customers(Protocol):
    """Customers by (tenant, customer), and by id or external id; unknown ones are absent from the answers."""

    async def profiles(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], CustomerProfile]: ...

    async def by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, CustomerProfile]: ...


class Usage(Protocol):
    """Figures, in the order of the questions; the hours in which late usage lies; the epochs now being written."""

    async def measure(self, tx: Tx, questions: Sequence[UsageQuestion]) -> list[UsageFigures]: ...

    async def late(self, tx: Tx, windows: Sequence[LateWindow]) -> list[tuple[UUID, UUID, datetime]]: ...

    async def current_epochs(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, int]: ...


class Tenants(Protocol):
    """Tenants, for their time zone and how they bill."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]: ...


class Clocks(Protocol):
    """Each tenant's present instant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...


class Subscribers(Protocol):
    """Who is subscribed: how many subscriptions, and a walk through them by customer, none of whom is cut in two."""

    async def count(self, tx: Tx, tenant_id: UUID) -> int: ...

    async def walk(self, tx: Tx, tenant_id: UUID, after: UUID | None, about: int) -> list[tuple[UUID, UUID]]: ...


class MeterGroups(Protocol):
    """The properties that each meter tells usage apart by, by code; unknown ones are absent."""

    async def dimensions(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, tuple[str, ...]]: ...
