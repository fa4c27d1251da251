"""Subscriptions whose invoices are dunned: past due, active again, or canceled in the end."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.platform.db import Tx
from corebilling.subscription import store
from corebilling.subscription.desk import Changed, Desk
from corebilling.subscription.domain import waking
from corebilling.subscription.domain.agreement import Key
from corebilling.subscription.domain.dunning import judged, verdict
from corebilling.subscription.queries import dunnings as queries

Told = Envelope[DunningStarted] | Envelope[DunningEnded]
OfInvoice = tuple[Key, UUID]
"""A subscription and an invoice of it."""


class Dunning(Desk):
    """What dunning tells of invoices."""

    async def dun(self, tx: Tx, events: Sequence[Told]) -> None:
        """Move subscriptions as dunning tells. Of each invoice the highest sequence counts, so order of arrival doesn't.

        A subscription is past due while any of its invoices is dunned, or was given up on without ending it. It ends at the
        tenant's present instant, and what was paid ahead is kept.
        """
        latest: dict[OfInvoice, Told] = {}
        for event in events:
            for subscription_id in event.payload.subscription_ids:
                each = ((event.tenant_id, subscription_id), event.payload.invoice_id)
                if each not in latest or latest[each].resource_seq < event.resource_seq:
                    latest[each] = event
        held = await store.lock(tx, [key for key, _ in latest]) if latest else {}
        news = await self._record(tx, {each: event for each, event in latest.items() if each[0] in held})
        if not news:
            return
        causes: dict[Key, Told] = {}
        ended: set[Key] = set()
        for (key, _), event in news.items():
            cancels = verdict(event.payload).cancel
            if cancels or key not in causes:
                causes[key] = event
            ended |= {key} if cancels else set()
        overdue = await self._overdue(tx, list(causes))
        nows = await self._clocks.now(tx, {tenant for tenant, _ in causes})
        changes = []
        for key, cause in causes.items():
            now = nows[key[0]].replace(microsecond=0)
            present, told = waking.perform(held[key], now)
            after, more = judged(present, now, overdue=key in overdue, cancel=key in ended)
            changes.append(Changed(held[key], after, told + more, cause))
        await self._settle(tx, changes)

    async def _record(self, tx: Tx, events: Mapping[OfInvoice, Told]) -> dict[OfInvoice, Told]:
        """Keep what is told; the events that are news."""
        if not events:
            return {}
        rows = await queries.record_dunnings(
            tx.conn,
            tenant_ids=[tenant for (tenant, _), _ in events],
            subscription_ids=[subscription for (_, subscription), _ in events],
            invoice_ids=[invoice for _, invoice in events],
            seqs=[event.resource_seq for event in events.values()],
            owing=[verdict(event.payload).owing for event in events.values()],
        )
        keys = [((row.tenant_id, row.subscription_id), row.invoice_id) for row in rows]
        return {key: events[key] for key in keys}

    async def _overdue(self, tx: Tx, keys: Sequence[Key]) -> set[Key]:
        rows = await queries.get_owing(
            tx.conn, tenant_ids=[tenant for tenant, _ in keys], subscription_ids=[each for _, each in keys]
        )
        return {(row.tenant_id, row.subscription_id) for row in rows}
