"""Ending subscriptions, and taking that back."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.platform.db import Tx
from corebilling.subscription import store
from corebilling.subscription.desk import Changed, Desk
from corebilling.subscription.domain import ending, waking
from corebilling.subscription.schemas import CancelOrder, SubscriptionOut
from corebilling.subscription.wishes import moment


class Canceling(Desk):
    """The end."""

    async def cancel(self, tx: Tx, tenant_id: UUID, ref: str, order: CancelOrder) -> SubscriptionOut:
        """Order the end of a subscription; the same order again changes nothing.

        Raises `NotFound`, `Conflict` for one that is over, and `Invalid` for an end out of reach.
        """
        held = await self._hold(tx, tenant_id, ref)
        when = moment(order.at, "now", "period_end")
        done = ending.cancel(held.present, when, held.now, prorate=order.prorate, reason=order.reason)
        return await self._done(tx, held, done)

    async def uncancel(self, tx: Tx, tenant_id: UUID, ref: str) -> SubscriptionOut:
        """Take an ordered end back. Raises `NotFound`, and `Conflict` where there is none or it has come."""
        held = await self._hold(tx, tenant_id, ref)
        return await self._done(tx, held, ending.uncancel(held.present, held.now))

    async def close(self, tx: Tx, closed: Sequence[Envelope[BillingCycleClosed]]) -> None:
        """Subscriptions whose last period is over are canceled, if nothing has woken them for it before."""
        last = {(event.tenant_id, event.payload.subscription_id): event for event in closed if event.payload.is_last}
        held = await store.lock(tx, list(last)) if last else {}
        changes = []
        for key, before in held.items():
            if before.ends_at is not None and before.ends_at <= last[key].payload.period_end:
                after, told = waking.perform(before, before.ends_at)
                changes.append(Changed(before, after, told, last[key]))
        await self._settle(tx, changes)
