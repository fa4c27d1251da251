"""A walk through all subscriptions of a tenant, customer by customer, for those who have something to do with each."""

from uuid import UUID

from corebilling.platform.db import Tx
from corebilling.subscription.queries import directory as queries


class SubscriptionDirectory:
    """Who is subscribed. Ended subscriptions are in it too: their past doesn't end."""

    async def count(self, tx: Tx, tenant_id: UUID) -> int:
        """How many subscriptions there are."""
        return await queries.count_of_tenant(tx.conn, tenant_id=tenant_id) or 0

    async def walk(self, tx: Tx, tenant_id: UUID, after: UUID | None, about: int) -> list[tuple[UUID, UUID]]:
        """(customer, subscription) of the customers after the one given: about so many, but no customer in part."""
        rows = await queries.walk_by_customer(tx.conn, tenant_id=tenant_id, after_customer_id=after, about=about)
        return [(row.customer_id, row.subscription_id) for row in rows]
