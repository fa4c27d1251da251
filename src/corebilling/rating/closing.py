"""Final rating: what a closed period costs, once and for good (docs/adr/0007)."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.rating import RatingFailed
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.clock import Clock
from corebilling.kernel.contract import Contract
from corebilling.kernel.period import Period
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.rating import store, telling
from corebilling.rating.domain.rating import Rated, RatingOrder, Unrateable
from corebilling.rating.failures import Failures
from corebilling.rating.ports import Contracts
from corebilling.rating.queries import settling as queries
from corebilling.rating.rater import Rater
from corebilling.rating.waves import Wave, waves

Closed = Envelope[BillingCycleClosed]


class Closing:
    """Rates closed periods in batches over many tenants."""

    def __init__(self, *, clock: Clock, contracts: Contracts, rater: Rater, failures: Failures) -> None:
        self._clock = clock
        self._failures = failures
        self._contracts = contracts
        self._rater = rater

    async def rate(self, tx: Tx, events: Sequence[Closed]) -> None:
        """Rate each closed period that isn't final yet. Periods of one subscription follow each other, oldest first."""
        older_first = sorted(events, key=lambda event: event.payload.period_index)
        for wave in waves(older_first):
            await self._rate_wave(tx, wave)

    async def retry(self, tx: Tx, tenant_ids: Sequence[UUID], limit: int) -> int:
        """Rate failed periods that somebody asked to rate again; answers how many there were."""
        events = await self._failures.hold(tx, tenant_ids, limit)
        if events:
            await self.rate(tx, events)
            await self._failures.strike_off(tx, events)
        return len(events)

    async def _rate_wave(self, tx: Tx, wave: Wave[BillingCycleClosed]) -> None:
        orders = await self._open_orders(tx, wave)
        if not orders:
            return
        contracts = await self._contracts.contracts(tx, [order.key for order in orders])
        orders = [as_agreed(order, contracts.get(order.key)) for order in orders]
        results = await self._rater.rate(tx, orders, contracts)
        failed = [item for item in results if isinstance(item, Unrateable)]
        if failed:
            await queries.revert_billed_epochs(
                tx.conn,
                tenant_ids=[item.order.tenant_id for item in failed],
                subscription_ids=[item.order.subscription_id for item in failed],
            )
            await self._failures.note(tx, [(item, wave[item.order.key]) for item in failed])
        rated = [item for item in results if isinstance(item, Rated)]
        written = await store.put_final(tx, rated, self._clock())
        await store.set_carried(tx, rated)
        completed = [_completed(rating_id, item, wave[item.order.key]) for rating_id, item in written]
        await emit(tx, [*completed, *(_failed(item, wave[item.order.key]) for item in failed)])

    async def _open_orders(self, tx: Tx, wave: Wave[BillingCycleClosed]) -> list[RatingOrder]:
        """Locks the subscriptions and moves their billed epochs on; periods that are final already are left out."""
        advanced = await queries.advance_billed_epochs(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in wave],
            subscription_ids=[subscription_id for _, subscription_id in wave],
            epochs=[event.payload.epoch for event in wave.values()],
            settled_ats=[event.payload.period_end for event in wave.values()],
        )
        final = await store.final_periods(tx, [(*key, event.payload.period_start) for key, event in wave.items()])
        orders = []
        for row in advanced:
            closed = wave[row.tenant_id, row.subscription_id].payload
            if (row.tenant_id, row.subscription_id, closed.period_start) not in final:
                period = Period(closed.period_start, closed.period_end, closed.period_index)
                orders.append(
                    RatingOrder(
                        row.tenant_id,
                        row.subscription_id,
                        period,
                        row.epoch,
                        row.previous_epoch,
                        closed.cycle_id,
                        row.settled_at,
                        row.carried_minor,
                        row.interim_at,
                    )
                )
        return orders


def as_agreed(order: RatingOrder, contract: Contract | None) -> RatingOrder:
    """The order for no more of the period than the contract leaves of it.

    Where the scheduler heard of another calendar or an end only after the closing, what follows belongs to another
    period, or to none: billed with this one too, it would be billed twice.
    """
    if contract is None:
        return order
    agreed = contract.period(order.period.index)
    if agreed.start != order.period.start or not agreed.start < agreed.end < order.period.end:
        return order
    return msgspec.structs.replace(order, period=agreed)


def _completed(rating_id: UUID, item: Rated, cause: Closed) -> NewEvent:
    closed = cause.payload
    return telling.completed(
        rating_id,
        item,
        cause,
        closed.closed_at,
        cycle_id=closed.cycle_id,
        group_id=closed.group_id,
        group_size=closed.group_size,
    )


def _failed(item: Unrateable, cause: Closed) -> NewEvent:
    closed = cause.payload
    payload = RatingFailed(closed.cycle_id, closed.subscription_id, closed.period_start, closed.period_end, item.reason)
    return telling.event(item.order, payload, cause, closed.closed_at)
