"""What time and payments do to subscriptions."""

from collections.abc import Sequence

from msgspec.structs import replace

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import InvoicePaid
from corebilling.events.scheduler import SubscriptionDue
from corebilling.platform.db import Tx
from corebilling.subscription import store
from corebilling.subscription.desk import Changed, Desk
from corebilling.subscription.domain import facts, waking
from corebilling.subscription.domain.agreement import Key


class Waking(Desk):
    """Subscriptions that were called."""

    async def wake(self, tx: Tx, events: Sequence[Envelope[SubscriptionDue]]) -> None:
        """Do all that is due by the instants of the calls, in order. What was done already isn't done again."""
        latest: dict[Key, Envelope[SubscriptionDue]] = {}
        for event in events:
            key = (event.tenant_id, event.payload.subscription_id)
            if key not in latest or latest[key].payload.due_at < event.payload.due_at:
                latest[key] = event
        changes = []
        for key, before in (await store.lock(tx, list(latest))).items():
            after, told = waking.perform(before, latest[key].payload.due_at)
            changes.append(Changed(before, after, told, latest[key]))
        await self._settle(tx, changes)

    async def first_payments(self, tx: Tx, events: Sequence[Envelope[InvoicePaid]]) -> None:
        """Subscriptions that waited for their first payment are active once their opening invoice is paid."""
        paid = {
            (event.tenant_id, event.payload.subscription_id): event
            for event in events
            if event.payload.subscription_id is not None and event.payload.purpose == "opening"
        }
        if not paid:
            return
        changes = []
        for key, before in (await store.lock(tx, list(paid))).items():
            if before.status == "incomplete":
                after = replace(before, status="active", expires_at=None)
                changes.append(Changed(before, after, (facts.moved(after, before.status),), paid[key]))
        await self._settle(tx, changes)
