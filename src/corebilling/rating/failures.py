"""Closed periods that could not be rated: listed with their reasons, and rated again on request once the cause is mended."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound
from corebilling.platform.db import Tx
from corebilling.rating.domain.rating import Unrateable
from corebilling.rating.live import DUE_CHANNEL
from corebilling.rating.queries import failures as queries

Closed = Envelope[BillingCycleClosed]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Closed).decode


class FailedRating(msgspec.Struct, frozen=True):
    """A closed period without a rating. `id` is its cycle's; `reason` says what to mend, `retry_at` that it is to be rated again."""

    id: UUID
    subscription_id: UUID
    period_start: datetime
    period_end: datetime
    reason: str
    attempts: int
    failed_at: datetime
    retry_at: datetime | None


class Failures:
    """Remembers what failed. A retry hands the event of the closing over again; the worker does that, since it writes ratings."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def note(self, tx: Tx, failed: Sequence[tuple[Unrateable, Closed]]) -> None:
        """Remember closings that could not be rated, with the event to handle again."""
        if not failed:
            return
        closed = [event.payload for _, event in failed]
        await queries.note_failures(
            tx.conn,
            tenant_ids=[event.tenant_id for _, event in failed],
            cycle_ids=[payload.cycle_id for payload in closed],
            subscription_ids=[payload.subscription_id for payload in closed],
            period_starts=[payload.period_start for payload in closed],
            period_ends=[payload.period_end for payload in closed],
            reasons=[item.reason for item, _ in failed],
            closed=[_encode(event) for _, event in failed],
            failed_at=self._clock(),
        )

    async def find(self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[FailedRating]:
        """What waits to be mended, newest first."""
        rows = await queries.list_failures(tx.conn, tenant_id=tenant_id, after=after, row_limit=limit)
        return [
            FailedRating(
                row.cycle_id,
                row.subscription_id,
                row.period_start,
                row.period_end,
                row.reason,
                row.attempts,
                row.failed_at,
                row.retry_at,
            )
            for row in rows
        ]

    async def ask_for_retry(self, tx: Tx, tenant_id: UUID, ids: Sequence[UUID] | None) -> int:
        """Have failed periods rated again soon, all of them or those named; answers how many there are.

        Raises `NotFound` for an id that is none of a failed period.
        """
        marked = await queries.ask_for_retry(
            tx.conn, tenant_id=tenant_id, all_of_them=ids is None, cycle_ids=list(ids or ()), now=self._clock()
        )
        if missing := sorted(set(ids or ()) - set(marked)):
            raise NotFound(
                f"there is no failed rating {missing[0]}; GET /v1/admin/ratings/failed lists them",
                code="failed_rating_not_found",
            )
        tx.wake(DUE_CHANNEL)
        return len(marked)

    async def tenants_to_retry(self, tx: Tx, limit: int) -> list[UUID]:
        """Whose failed periods are to be rated again. Needs a system transaction."""
        return await queries.tenants_to_retry(tx.conn, row_limit=limit)

    async def hold(self, tx: Tx, tenant_ids: Sequence[UUID], limit: int) -> list[Closed]:
        """The closings to handle again, held until the transaction ends."""
        rows = await queries.hold_retries(tx.conn, tenant_ids=list(tenant_ids), row_limit=limit)
        return [_decode(row.closed) for row in rows]

    async def strike_off(self, tx: Tx, events: Sequence[Closed]) -> None:
        """Forget what was rated now; what failed again stays."""
        await queries.drop_retried(
            tx.conn,
            tenant_ids=[event.tenant_id for event in events],
            cycle_ids=[event.payload.cycle_id for event in events],
        )
