"""What the scheduler asks of others."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.sandbox import SandboxClock
from corebilling.platform.db import Tx


class Usage(Protocol):
    """Seals the usage written so far and answers each tenant's sealed epoch. Waits for its writers: run it in a transaction of its own."""

    async def seal(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, int]: ...


class Clocks(Protocol):
    """Each tenant's present instant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...


class SandboxClocks(Protocol):
    """The sandboxes that have a time of their own, and how to move one. In system transactions."""

    async def sandbox_clocks(self, tx: Tx) -> list[SandboxClock]: ...

    async def move_clock(self, tx: Tx, tenant_id: UUID, now_at: datetime, done: bool) -> None: ...


class Unhandled(Protocol):
    """Whether a tenant has an event written since that instant (wall time) that some consumer hasn't handled yet."""

    async def exists(self, tx: Tx, tenant_id: UUID, since: datetime) -> bool: ...


class Agenda(Protocol):
    """Something else that falls due by a tenant's time: an advancing clock stops there until it is done. In system transactions."""

    async def earliest_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        """The earliest instant at which something is due, which may be past; None where nothing is."""
        ...


class Named(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> UUID:
        """The id that its references hold."""
        ...


class Subscriptions(Protocol):
    """Subscriptions, by their id or external id. Raises `NotFound`."""

    async def get(self, tx: Tx, tenant_id: UUID, ref: str) -> Named: ...
