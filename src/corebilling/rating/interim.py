"""Interim rating: what is due within a period, at its opening or on request after a change, billed before the period ends."""

from collections.abc import Sequence
from uuid import UUID

from loguru import logger

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.subscription import SubscriptionInvoiceRequested
from corebilling.kernel.clock import Clock
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.rating import store, telling
from corebilling.rating.domain.rating import Rated, RatingOrder
from corebilling.rating.ports import Contracts
from corebilling.rating.queries import interim as interim_queries
from corebilling.rating.queries import settling as queries
from corebilling.rating.rater import Rater
from corebilling.rating.waves import Wave, waves

Requested = Envelope[SubscriptionInvoiceRequested]


class InterimRating:
    """Rates requests in batches over many tenants. One that finds nothing due says nothing."""

    def __init__(self, *, clock: Clock, contracts: Contracts, rater: Rater) -> None:
        self._clock = clock
        self._contracts = contracts
        self._rater = rater

    async def rate(self, tx: Tx, events: Sequence[Requested]) -> None:
        """Rate each request once. Requests of one subscription follow each other in their order."""
        older_first = sorted(events, key=lambda event: (event.payload.at, event.payload.request_no))
        for wave in waves(older_first):
            await self._rate_wave(tx, wave)

    async def _rate_wave(self, tx: Tx, wave: Wave[SubscriptionInvoiceRequested]) -> None:
        locked = await self._locked(tx, wave)
        contracts = await self._contracts.contracts(tx, list(locked)) if locked else {}
        orders = []
        for key, row in locked.items():
            contract, at = contracts.get(key), wave[key].payload.at
            if contract is not None and contract.starts_at <= at:
                orders.append(
                    RatingOrder(
                        *key,
                        contract.period_at(at),
                        row.epoch,
                        settled_at=row.settled_at,
                        carried_minor=row.carried_minor,
                        interim_at=row.interim_at,
                    )
                )
        if not orders:
            return
        due: list[Rated] = []
        for item in await self._rater.within_periods(tx, orders, contracts):
            if not isinstance(item, Rated):
                # What is due stays due: the closing of the period charges it, or says what to mend.
                logger.warning("nothing billed within the period of {}: {}", item.order.subscription_id, item.reason)
            elif item.charges:
                due.append(item)
        payloads = [wave[item.order.key].payload for item in due]
        asked = [(payload.purpose, payload.request_no, payload.at) for payload in payloads]
        written = await store.put_interim(tx, due, asked, self._clock())
        await store.set_carried(tx, due)
        await emit(tx, [_completed(rating_id, item, wave[item.order.key]) for rating_id, item in written])

    async def _locked(
        self, tx: Tx, wave: Wave[SubscriptionInvoiceRequested]
    ) -> dict[tuple[UUID, UUID], queries.LockBilledRow]:
        """Locks the subscriptions; requests that were rated already are left out."""
        payloads = [event.payload for event in wave.values()]
        rows = await queries.lock_billed(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in wave],
            subscription_ids=[subscription_id for _, subscription_id in wave],
            settled_ats=[payload.at for payload in payloads],
        )
        done = await interim_queries.interim_ratings(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in wave],
            subscription_ids=[subscription_id for _, subscription_id in wave],
            purposes=[payload.purpose for payload in payloads],
            request_nos=[payload.request_no for payload in payloads],
        )
        rated = {(row.tenant_id, row.subscription_id) for row in done}
        found = {(row.tenant_id, row.subscription_id): row for row in rows}
        return {key: row for key, row in found.items() if key not in rated}


def _completed(rating_id: UUID, item: Rated, cause: Requested) -> NewEvent:
    asked = cause.payload
    return telling.completed(rating_id, item, cause, asked.at, purpose=asked.purpose, request_no=asked.request_no)
