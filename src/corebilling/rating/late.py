"""Late rating: usage that came after a subscription's last closing, and corrections of what is over."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.scheduler import LateUsageSealed
from corebilling.kernel.clock import Clock
from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import Conflict
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.rating import store, telling
from corebilling.rating.domain.rating import Rated, RatingOrder
from corebilling.rating.ports import Contracts
from corebilling.rating.queries import settling as queries
from corebilling.rating.rater import Rater

PURPOSE = "late"

Sealed = Envelope[LateUsageSealed]

_INSTANT = timedelta(microseconds=1)


class LateRating:
    """Rates what is left of subscriptions that are over. What was billed by then is known: nothing is billed twice."""

    def __init__(self, *, clock: Clock, contracts: Contracts, rater: Rater) -> None:
        self._clock = clock
        self._contracts = contracts
        self._rater = rater

    async def rate(self, tx: Tx, events: Sequence[Sealed]) -> None:
        """Rate each subscription once, with the newest of its events, which holds what those before do.

        One that finds nothing to charge or to give back says nothing. Raises `Conflict` for one that can't be rated.
        """
        newest: dict[tuple[UUID, UUID], Sealed] = {}
        for event in sorted(events, key=lambda event: event.payload.late_no):
            newest[event.tenant_id, event.payload.subscription_id] = event
        contracts = await self._contracts.contracts(tx, sorted(newest))
        over = {key: contract for key, contract in contracts.items() if _is_over(contract)}
        orders = await self._orders(tx, {key: newest[key] for key in over}, over) if over else []
        rated = []
        for item in await self._rater.rate(tx, orders, contracts):
            if not isinstance(item, Rated):
                raise Conflict(
                    f"late usage of {item.order.subscription_id} can't be rated: {item.reason}; mend it, then replay the event",
                    code="rating_failed",
                )
            if item.charges:
                rated.append(item)
        asked = [(PURPOSE, e.payload.late_no, e.payload.sealed_at) for e in (newest[item.order.key] for item in rated)]
        written = await store.put_interim(tx, rated, asked, self._clock())
        await store.set_carried(tx, rated)
        await emit(tx, [_completed(rating_id, item, newest[item.order.key]) for rating_id, item in written])

    async def _orders(
        self, tx: Tx, events: dict[tuple[UUID, UUID], Sealed], contracts: dict[tuple[UUID, UUID], Contract]
    ) -> list[RatingOrder]:
        """Locks the subscriptions and moves their billed epochs on: what is up to there is not late a second time."""
        rows = await queries.advance_billed_epochs(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in events],
            subscription_ids=[subscription_id for _, subscription_id in events],
            epochs=[event.payload.epoch for event in events.values()],
            settled_ats=[contracts[key].ends_at for key in events],
        )
        orders = []
        for row in rows:
            key = (row.tenant_id, row.subscription_id)
            contract = contracts[key]
            assert contract.ends_at is not None
            orders.append(
                RatingOrder(
                    *key,
                    contract.period_at(contract.ends_at - _INSTANT),
                    row.epoch,
                    row.previous_epoch,
                    settled_at=row.settled_at,
                    carried_minor=row.carried_minor,
                    interim_at=row.interim_at,
                    afterwards=True,
                )
            )
        return orders


def _is_over(contract: Contract) -> bool:
    return contract.ends_at is not None and contract.starts_at < contract.ends_at


def _completed(rating_id: UUID, item: Rated, cause: Sealed) -> NewEvent:
    told = cause.payload
    return telling.completed(rating_id, item, cause, told.sealed_at, purpose=PURPOSE, request_no=told.late_no)
