"""What rating asks of other contexts. Each takes a batch, of many tenants."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from corebilling.kernel.contract import Contract
from corebilling.kernel.plan import PublishedPlan, RateCard
from corebilling.kernel.usage import LateWindow, UsageWindow
from corebilling.platform.db import Tx


class Contracts(Protocol):
    """Subscriptions by (tenant, subscription); unknown ones are absent from the answer."""

    async def contracts(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Contract]: ...


class Plans(Protocol):
    """Plan versions by (tenant, plan); unknown ones are absent from the answer."""

    async def plans(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], PublishedPlan]: ...


class RateCards(Protocol):
    """A tenant's default rate card."""

    async def default_rate_card(self, tx: Tx, tenant_id: UUID) -> RateCard: ...


class Usage(Protocol):
    """Quantities, in the order of the windows; the hours in which late usage lies; the epochs now being written."""

    async def aggregate(self, tx: Tx, windows: Sequence[UsageWindow]) -> list[Decimal]: ...

    async def late(self, tx: Tx, windows: Sequence[LateWindow]) -> list[tuple[UUID, UUID, datetime]]: ...

    async def current_epochs(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, int]: ...


class Clocks(Protocol):
    """Each tenant's present instant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...
