"""Messages that can't be decoded: kept as dead letters at once, because another attempt would change nothing.

Except for whole events that this release doesn't know: another one, just being rolled out, may. They are parked like any that
fails, and given up only after all attempts.
"""

from collections.abc import Sequence
from uuid import UUID

from corebilling.events.envelope import CloudEvent, Envelope
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.admission import Held, bury, described, park
from corebilling.platform.bus.pace import backoff
from corebilling.platform.bus.wire import Undecodable, UnknownHere, envelope
from corebilling.platform.db import Database
from corebilling.platform.queries import inbox as queries

ROUTER = "router"
"""Stands as the consumer of what no consumer can be named for."""

NOBODY = UUID(int=0)
"""Stands as the tenant of a message so broken that it names none."""


async def keep(
    db: Database, clock: Clock, body: bytes, event: CloudEvent | None, consumers: Sequence[str], error: Undecodable
) -> None:
    """Take charge of a message for each consumer that should have got it: as a dead letter, or parked."""
    held = Held(envelope(event), body) if event else _shapeless(body, clock)
    async with db.tenants([held.envelope.tenant_id]) as tx:
        for consumer in consumers:  # one or two, and rare
            new = await queries.take_events(
                tx.conn, consumer=consumer, tenant_ids=[held.envelope.tenant_id], event_ids=[held.envelope.id]
            )
            if not new:
                continue
            now = clock()
            if isinstance(error, UnknownHere):
                await park(tx, consumer, [held], attempts=1, due=now + backoff(1), error=described(error), now=now)
            else:
                await bury(tx, consumer, [held], "can't be decoded", error, now)


def _shapeless(body: bytes, clock: Clock) -> Held:
    event_id = new_id()
    nothing: Envelope[None] = Envelope(
        id=event_id, subject="unknown", version=0, tenant_id=NOBODY, resource_id=event_id, resource_seq=0,
        correlation_id=event_id, causation_id=None, traceparent=None, occurred_at=clock(), payload=None,
    )  # fmt: skip
    return Held(nothing, body)
