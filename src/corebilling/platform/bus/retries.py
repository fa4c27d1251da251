"""Parked events get their further attempts here, the first of each resource only, so that the others keep their order."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from corebilling.events.envelope import CloudEvent, Envelope
from corebilling.kernel.clock import Clock
from corebilling.platform.bus.admission import MOST_ATTEMPTS, Arrivals, Held, Parked, bury, described
from corebilling.platform.bus.group import Group, Stopped
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.keeping import body_of
from corebilling.platform.bus.pace import backoff
from corebilling.platform.bus.routes import Routes
from corebilling.platform.bus.undecodable import NOBODY, ROUTER
from corebilling.platform.bus.wire import Undecodable, UnknownHere, decode_event, decode_payload
from corebilling.platform.db import Database
from corebilling.platform.queries import inbox as queries
from corebilling.platform.queries.inbox import DueRetriesRow

_BATCH = 200


class Retries:
    """Works on what is due. Several processes may: each event is locked by the one that handles it. What fails for reasons that
    pass by themselves stays parked, without an attempt counted."""

    def __init__(self, db: Database, clock: Clock, consumers: Sequence[Consumer[Any]], stopping: asyncio.Event) -> None:
        self._db = db
        self._clock = clock
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._handlers = {consumer.name: consumer.subjects() for consumer in consumers}
        self._routes = Routes(consumers)
        self._group = Group(db, clock, stopping, patient=False)
        self._parked = Parked()
        self._arrivals = Arrivals()

    async def work(self) -> None:
        """Try everything that is due, and what becomes due by that; not what another process is at work on."""
        tried: set[tuple[UUID, str, UUID]] = set()
        waiting: set[tuple[str, str]] = set()
        while True:
            async with self._db.system() as tx:
                due = await queries.due_retries(
                    tx.conn,
                    now=self._clock(),
                    consumers=[*self._consumers, ROUTER],
                    waiting_consumers=[consumer for consumer, _ in waiting],
                    waiting_subjects=[subject for _, subject in waiting],
                    max_rows=_BATCH,
                )
            fresh = [row for row in due if (row.tenant_id, row.consumer, row.event_id) not in tried]
            if not fresh:
                return
            tried.update((row.tenant_id, row.consumer, row.event_id) for row in fresh)
            waiting |= await self._try(fresh)

    async def _try(self, due: Sequence[DueRetriesRow]) -> set[tuple[str, str]]:
        """Answers consumers and subjects that wait for better times: the others needn't."""
        waiting: set[tuple[str, str]] = set()
        groups: dict[tuple[str, str], list[Held]] = defaultdict(list)
        for row in due:
            if row.consumer == ROUTER:
                try:
                    await self._route(row)
                except Stopped:
                    waiting.add((ROUTER, row.subject))
            elif (held := await self._decoded(row)) is not None:
                groups[row.consumer, row.subject].append(held)
        for (name, subject), events in groups.items():
            try:
                await self._group.handle(self._consumers[name], self._handlers[name][subject], events, self._parked)
            except Stopped:
                waiting.add((name, subject))
        return waiting

    async def _route(self, row: DueRetriesRow) -> None:
        """Bring a message that no consumer could be found for, requeued by somebody, to those that there are now: as if it
        had just arrived, so that a second router doing the same changes nothing."""
        body = body_of(row.envelope.encode())
        try:
            event = _own(row, body)
            held = Held(decode_payload(event), body)
        except Undecodable as error:
            await self._give_up(row, error)
            return
        for consumer, handler in self._routes.of(event):
            await self._group.handle(consumer, handler, [held], self._arrivals)
        async with self._db.tenants([row.tenant_id]) as tx:
            await queries.drop_retry(tx.conn, tenant_id=row.tenant_id, consumer=row.consumer, event_id=row.event_id)

    async def _decoded(self, row: DueRetriesRow) -> Held | None:
        """The event to handle; one that this release has no handler for any more goes to the dead letters."""
        body = body_of(row.envelope.encode())
        try:
            if row.subject not in self._handlers[row.consumer]:
                raise UnknownHere(f"{row.consumer} has no handler for {row.subject} in this release")
            return Held(decode_payload(_own(row, body)), body, row.attempts, row.first_failed_at)
        except Undecodable as error:
            await self._give_up(row, error)
            return None

    async def _give_up(self, row: DueRetriesRow, error: Undecodable) -> None:
        """To the dead letters; what a release beside this one may know has all its attempts first."""
        now, attempts = self._clock(), row.attempts + 1
        kind, text = described(error)
        if isinstance(error, UnknownHere) and attempts < MOST_ATTEMPTS:
            async with self._db.tenants([row.tenant_id]) as tx:
                await queries.put_off_retry(
                    tx.conn, tenant_id=row.tenant_id, consumer=row.consumer, event_id=row.event_id, attempts=attempts,
                    next_attempt_at=now + backoff(attempts), now=now, error_type=kind, error=text,
                )  # fmt: skip
            return
        known: Envelope[None] = Envelope(
            id=row.event_id, subject=row.subject, version=0, tenant_id=row.tenant_id, resource_id=row.resource_id,
            resource_seq=row.resource_seq, correlation_id=row.event_id, causation_id=None, traceparent=None,
            occurred_at=now, payload=None,
        )  # fmt: skip
        async with self._db.tenants([row.tenant_id]) as tx:
            if not await queries.drop_retry(
                tx.conn, tenant_id=row.tenant_id, consumer=row.consumer, event_id=row.event_id
            ):
                return
            held = Held(known, body_of(row.envelope.encode()), attempts, row.first_failed_at)
            await bury(tx, row.consumer, [held], "can't be decoded", error, now, attempts=attempts)


def _own(row: DueRetriesRow, body: bytes) -> CloudEvent:
    """The event in a row. Raises Undecodable where it says another tenant or event than its row, whose tenant may have written it:
    who can only write rows of one tenant must not act as another."""
    event = decode_event(body)
    if row.tenant_id != NOBODY and (event.tenantid, event.id) != (row.tenant_id, row.event_id):
        raise Undecodable(f"the row is event {row.event_id} of tenant {row.tenant_id}, what it holds is another")
    return event
