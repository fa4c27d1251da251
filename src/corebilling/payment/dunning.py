"""Where the collection of each invoice stands: moved on by outcomes of payments and by what becomes of the invoice."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.kernel.settlement import Standing
from corebilling.payment.domain.dunning import turn
from corebilling.payment.domain.states import CollectionStatus
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import collections as queries
from corebilling.payment.queries.models import Collection
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_ENDS: dict[str, CollectionStatus] = {"paid": "paid", "void": "stopped", "uncollectible": "stopped"}


class Dunning:
    """Moves collections through their states, under their locks, and tells of it."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def after_outcomes(
        self, tx: Tx, failed: dict[Key, datetime], arrived: dict[Key, datetime]
    ) -> dict[Key, datetime]:
        """Payments of these invoices failed or arrived at that time; answers when the failed ones are tried again.

        Only collections that waited for a payment move: the schedule of the others stands.
        """
        keys = [*failed, *arrived]
        if not keys:
            return {}
        waiting = [row for row in await self.locked(tx, keys) if row.status == "active" and row.next_attempt_at is None]
        if not waiting:
            return {}
        standing = await self._others.invoices.standing(tx, [_key(row) for row in waiting])
        tried = [row for row in waiting if _key(row) in failed and _is_open(row, standing)]
        # What a payment left of an invoice is tried for at once; if it left nothing the next look at it says so.
        await self.save(
            tx, [replace(row, next_attempt_at=(arrived | failed)[_key(row)]) for row in waiting if row not in tried]
        )
        turned = await self.turned(tx, tried, {_key(row): failed[_key(row)] for row in tried}, standing)
        return {_key(row): row.next_attempt_at for row in turned if row.next_attempt_at}

    async def turned(
        self, tx: Tx, rows: Sequence[Collection], at: Mapping[Key, datetime], standing: Mapping[Key, Standing]
    ) -> list[Collection]:
        """Attempts to collect these, locked before, brought nothing: dunning begins or goes on, or was that all."""
        after: list[Collection] = []
        events: list[NewEvent] = []
        for row in rows:
            when = at[_key(row)]
            step = turn(row.started_at, row.step, row.retry_days, when)
            changed = replace(
                row, step=step.step, started_at=step.started_at, next_attempt_at=step.next_attempt_at, seq=row.seq + 1
            )
            if row.started_at is None:
                events.append(_started(changed, standing[_key(row)].left_minor, when))
            if step.next_attempt_at is None:
                changed = replace(changed, status="exhausted", ended_at=when, seq=changed.seq + 1)
                events.append(_ended(changed, when))
            after.append(changed)
        await self.save(tx, after)
        await emit(tx, events)
        return after

    async def look_again(self, tx: Tx, keys: Sequence[Key], at: Mapping[Key, datetime]) -> None:
        """Something became of these invoices: those that aren't open any more needn't be collected."""
        rows = [row for row in await self.locked(tx, keys) if row.status != "paid"]
        if rows:
            await self.close(tx, rows, await self._others.invoices.standing(tx, [_key(row) for row in rows]), at)

    async def close(
        self, tx: Tx, rows: Sequence[Collection], standing: Mapping[Key, Standing], at: Mapping[Key, datetime]
    ) -> list[Collection]:
        """End those, locked before, whose invoices are paid or given up; answers the others."""
        rest: list[Collection] = []
        ended: list[Collection] = []
        for row in rows:
            end = _ENDS.get(standing[_key(row)].status) if _key(row) in standing else None
            if end is None:
                rest.append(row)
            elif end == "paid" or row.status == "active":
                ended.append(_over(row, end, at[_key(row)]))
        await self.save(tx, ended)
        await emit(tx, [_ended(row, at[_key(row)]) for row in ended if row.started_at])
        return rest

    async def stop(self, tx: Tx, row: Collection, reason: str, at: datetime) -> None:
        """Stop collecting, because somebody said so."""
        stopped = replace(_over(row, "stopped", at), stop_reason=reason)
        await self.save(tx, [stopped])
        if stopped.started_at:
            await emit(tx, [_ended(stopped, at)])

    async def locked(self, tx: Tx, keys: Sequence[Key]) -> list[Collection]:
        """The collections of these invoices, locked in the order of their keys."""
        ordered = sorted(set(keys))
        return await queries.lock_collections(
            tx.conn, tenant_ids=[tenant for tenant, _ in ordered], invoice_ids=[invoice for _, invoice in ordered]
        )

    async def save(self, tx: Tx, rows: Sequence[Collection]) -> None:
        """Write collections that were locked before."""
        if not rows:
            return
        await queries.change_collections(
            tx.conn,
            tenant_ids=[row.tenant_id for row in rows],
            invoice_ids=[row.invoice_id for row in rows],
            statuses=[row.status for row in rows],
            steps=[row.step for row in rows],
            started_ats=[row.started_at for row in rows],
            next_attempt_ats=[row.next_attempt_at for row in rows],
            ended_ats=[row.ended_at for row in rows],
            stop_reasons=[row.stop_reason for row in rows],
            seqs=[row.seq for row in rows],
        )


def _key(row: Collection) -> Key:
    return row.tenant_id, row.invoice_id


def _is_open(row: Collection, standing: Mapping[Key, Standing]) -> bool:
    stands = standing.get(_key(row))
    return stands is not None and stands.status == "open"


def _over(row: Collection, status: CollectionStatus, at: datetime) -> Collection:
    return replace(row, status=status, next_attempt_at=None, ended_at=at, seq=row.seq + 1)


def _started(row: Collection, left_minor: int, at: datetime) -> NewEvent:
    payload = DunningStarted(
        invoice_id=row.invoice_id,
        number=row.number,
        customer_id=row.customer_id,
        subscription_ids=tuple(row.subscription_ids),
        due_minor=left_minor,
        currency=row.currency,
        next_attempt_at=row.next_attempt_at,
        started_at=at,
    )
    return NewEvent(row.tenant_id, row.invoice_id, row.seq, payload, at)


def _ended(row: Collection, at: datetime) -> NewEvent:
    payload = DunningEnded(
        invoice_id=row.invoice_id,
        number=row.number,
        customer_id=row.customer_id,
        subscription_ids=tuple(row.subscription_ids),
        outcome=row.status,
        finally_do=row.finally_do,
        ended_at=at,
    )
    return NewEvent(row.tenant_id, row.invoice_id, row.seq, payload, at)
