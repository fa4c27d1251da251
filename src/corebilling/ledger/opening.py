"""Opening accounts: a new tenant's chart, and those of products when they are first posted to.

Apart from the service because tenants come before all else, and the service asks for their time zones.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.ledger.domain.chart import DEFAULT_CHART, standard_account
from corebilling.ledger.queries import journals as queries
from corebilling.platform.db import Tx

_KNOWN_AT_MOST = 50_000


class Charts:
    """Gives a new tenant the default chart of accounts."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None:
        """Open a fresh tenant's accounts. They hold every currency; `currency` is the tenant's own."""
        await open_accounts(tx, {(tenant_id, account.code) for account in DEFAULT_CHART}, self._clock())


class KnownAccounts:
    """Remembers which accounts are open, so that posting needn't ask: accounts are never closed."""

    def __init__(self) -> None:
        self._known: set[tuple[UUID, str]] = set()

    async def open(self, tx: Tx, used: Collection[tuple[UUID, str]], created_at: datetime) -> None:
        """Open those of these (tenant, code) that nobody opened before. They are known once the transaction has committed."""
        fresh = [account for account in used if account not in self._known]
        if fresh:
            await open_accounts(tx, fresh, created_at)
            tx.once_committed(lambda: self._remember(fresh))

    def _remember(self, opened: Collection[tuple[UUID, str]]) -> None:
        if len(self._known) > _KNOWN_AT_MOST:
            self._known.clear()
        self._known.update(opened)


async def open_accounts(tx: Tx, used: Collection[tuple[UUID, str]], created_at: datetime) -> None:
    """Open the accounts of these (tenant, code) that aren't, as far as the product knows them; in one queued statement."""
    found = [(tenant_id, account) for tenant_id, code in sorted(used) if (account := standard_account(code))]
    await queries.open_accounts(
        tx.conn,
        created_at=created_at,
        tenant_ids=[tenant_id for tenant_id, _ in found],
        codes=[account.code for _, account in found],
        names=[account.name for _, account in found],
        kinds=[account.kind for _, account in found],
        chart_codes=[account.code for account in DEFAULT_CHART],
        chart_names=[account.name for account in DEFAULT_CHART],
        chart_kinds=[account.kind for account in DEFAULT_CHART],
    )
