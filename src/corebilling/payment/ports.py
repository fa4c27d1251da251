"""What the payment context must ask others now."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.kernel.journal import JournalDraft
from corebilling.kernel.settlement import SettledInvoice, Settlement
from corebilling.platform.db import Tx


class Invoices(Protocol):
    """Invoice: what is still due."""

    async def settle(self, tx: Tx, settlements: Sequence[Settlement]) -> list[SettledInvoice]:
        """Take money for invoices. Raises `NotFound`, `Conflict` when more than is left, `Invalid` for another currency."""
        ...


class Ledger(Protocol):
    """Ledger: journals in the document's own transaction."""

    async def post(
        self, tx: Tx, drafts: Sequence[JournalDraft], *, causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Post journals and answer their ids, in the order of the drafts."""
        ...


class Clocks(Protocol):
    """Tenant: what time it is for a tenant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """The test clock of a sandbox that has set one, else the wall clock."""
        ...
