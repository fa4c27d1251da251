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


class Charts:
    """Gives a new tenant the default chart of accounts."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None:
        """Open a fresh tenant's accounts. They hold every currency; `currency` is the tenant's own."""
        await open_accounts(tx, {(tenant_id, account.code) for account in DEFAULT_CHART}, self._clock())


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
