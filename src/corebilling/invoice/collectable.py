"""Where invoices stand, for who collects them."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.invoice.queries import standing as queries
from corebilling.kernel.settlement import Standing
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, invoice)"""


async def standing(tx: Tx, keys: Sequence[Key]) -> dict[Key, Standing]:
    """The state of these invoices and what may still be paid of them; drafts and unknown ones are absent."""
    rows = await queries.standing_of(
        tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], invoice_ids=[invoice_id for _, invoice_id in keys]
    )
    return {
        (row.tenant_id, row.invoice_id): Standing(row.status, row.left_minor if row.status in _OWED else 0)
        for row in rows
    }


_OWED = frozenset({"open", "uncollectible"})
