"""Whether a tenant still has events on their way: the test clock waits for that at each stop."""

from datetime import datetime
from uuid import UUID

from corebilling.kernel.ids import first_id_at
from corebilling.platform.bus.handlers import Subscriptions
from corebilling.platform.db import Tx
from corebilling.platform.queries import inbox as queries


async def unhandled(tx: Tx, subscriptions: Subscriptions, tenant_id: UUID, since: datetime) -> bool:
    """Whether an event of the tenant waits to be published, is parked, or was written since that instant (wall clock)
    and is not yet taken by some subscribed consumer. Needs a system transaction."""
    answer = await queries.is_unhandled(
        tx.conn,
        tenant_id=tenant_id,
        since=first_id_at(since),
        subjects=subscriptions.pair_subjects,
        consumers=subscriptions.pair_consumers,
    )
    return bool(answer)
