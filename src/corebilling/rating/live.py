"""Live rating: keeps an eye on what open periods cost while usage comes in. Never touches what is final."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.rating import UsageRated
from corebilling.events.subscription import SubscriptionUpdated
from corebilling.events.usage import UsageCorrected, UsageReported
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.domain.rating import Rated, RatingOrder, hour_of, periods_of_hours
from corebilling.rating.ports import Clocks, Contracts, Usage
from corebilling.rating.queries import due as queries
from corebilling.rating.rater import Rater

DUE_CHANNEL = "rating_due"
"""NOTIFY channel: something may fall due soon."""

CLAIM_LEASE = timedelta(seconds=30)
"""Wall time after which what a rater claimed and didn't finish falls due again."""


class Claim(msgspec.Struct, frozen=True):
    """Subscriptions that one rater has taken on, with the hours of their usage."""

    claim_id: UUID
    rows: Sequence[queries.ClaimDueRow]


class LiveRating:
    """Notes what usage touches, and after the debounce rates it from the stored usage."""

    def __init__(
        self,
        *,
        clock: Clock,
        clocks: Clocks,
        contracts: Contracts,
        usage: Usage,
        rater: Rater,
        debounce_seconds: float,
    ) -> None:
        self._clock = clock
        self._clocks = clocks
        self._contracts = contracts
        self._usage = usage
        self._rater = rater
        self._debounce = timedelta(seconds=debounce_seconds)

    async def note(self, tx: Tx, events: Sequence[Envelope[UsageReported] | Envelope[UsageCorrected]]) -> None:
        """Mark the reported subscriptions as due, with the hours of their usage."""
        await self._mark(
            tx,
            (
                (event.tenant_id, series.subscription_id, series.first_at, series.last_at)
                for event in events
                for series in event.payload.series
            ),
        )

    async def note_changes(self, tx: Tx, events: Sequence[Envelope[SubscriptionUpdated]]) -> None:
        """Mark subscriptions as due that pay otherwise from an instant on: what they used in that period may cost another sum."""
        await self._mark(
            tx,
            ((e.tenant_id, e.payload.subscription_id, e.payload.effective_at, e.payload.effective_at) for e in events),
        )

    async def _mark(self, tx: Tx, touched: Iterable[tuple[UUID, UUID, datetime, datetime]]) -> None:
        spans: dict[tuple[UUID, UUID], tuple[datetime, datetime]] = {}
        for tenant_id, subscription_id, first, last in touched:
            first_at, last_at = spans.get((tenant_id, subscription_id), (first, last))
            spans[tenant_id, subscription_id] = (min(first_at, first), max(last_at, last))
        if not spans:
            return
        await queries.mark_due(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in spans],
            subscription_ids=[subscription_id for _, subscription_id in spans],
            first_hour_ats=[hour_of(first_at) for first_at, _ in spans.values()],
            last_hour_ats=[hour_of(last_at) for _, last_at in spans.values()],
            due_at=self._clock() + self._debounce,
        )
        tx.wake(DUE_CHANNEL)

    async def claim(self, tx: Tx, limit: int) -> Claim:
        """Claim what is due, of all tenants, for this rater. Needs a system transaction, to be committed before `rate`."""
        now, claim_id = self._clock(), new_id()
        rows = await queries.claim_due(
            tx.conn, claim_id=claim_id, now=now, lease_until=now + CLAIM_LEASE, row_limit=limit
        )
        return Claim(claim_id, rows)

    async def rate(self, tx: Tx, claim: Claim) -> None:
        """Rate the periods of what was claimed that still run, tell of totals that moved, and strike it off.

        The claim is committed before usage is read here: usage of which a report came later is either read or due anew.
        """
        claimed = claim.rows
        tenant_ids = {row.tenant_id for row in claimed}
        now, epochs = await self._clocks.now(tx, tenant_ids), await self._usage.current_epochs(tx, tenant_ids)
        contracts = await self._contracts.contracts(tx, [(row.tenant_id, row.subscription_id) for row in claimed])
        orders = [
            RatingOrder(row.tenant_id, row.subscription_id, period, epochs[row.tenant_id])
            for row in claimed
            if (contract := contracts.get((row.tenant_id, row.subscription_id))) is not None
            for period in periods_of_hours(contract, row.first_hour_at, row.last_hour_at)
            if period.end > now[row.tenant_id]  # what is over is final, or will be before long: closing rates it anyway
        ]
        if orders:
            results = await self._rater.rate(tx, orders, contracts)
            await self._save(tx, [item for item in results if isinstance(item, Rated)])
        await queries.finish_due(
            tx.conn,
            claim_id=claim.claim_id,
            tenant_ids=[row.tenant_id for row in claimed],
            subscription_ids=[row.subscription_id for row in claimed],
        )

    async def _save(self, tx: Tx, rated: Sequence[Rated]) -> None:
        """Write live ratings and emit `usage.rated` for each total that moved."""
        before = await store.live_totals(tx, [(*item.order.key, item.order.period.start) for item in rated])
        now = self._clock()
        # An hour noted may reach into a period that got no usage: there is nothing to tell of that.
        used = [item for item in rated if item.has_usage or (*item.order.key, item.order.period.start) in before]
        written = await store.put_live(tx, used, now)
        await emit(
            tx,
            [
                NewEvent(
                    tenant_id=item.order.tenant_id,
                    resource_id=item.order.subscription_id,
                    resource_seq=0,
                    payload=UsageRated(
                        item.order.subscription_id,
                        item.order.period.start,
                        item.order.period.end,
                        item.contract.currency,
                        item.total_minor,
                        item.order.epoch,
                    ),
                    occurred_at=now,
                )
                for _, item in written
                if before.get((*item.order.key, item.order.period.start)) != item.total_minor
            ],
        )
