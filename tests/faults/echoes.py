"""Messages that nobody meant: real ones published again under other ids and in another order, and ones that are broken."""

import random
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from books_of_record import Records

from corebilling.cli.client import until
from corebilling.events.envelope import CloudEvent
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.port import Bus, BusUnavailable, Outcome, OutgoingMessage, Subscription

POISONED_SUBJECT = "usage.reported"
_EAVESDROPPER, _WITNESS = "faults-eavesdropper", "faults-witness"
_SAMPLE, _PAGE = 300, 500
_WAIT_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_PENDING = """
SELECT event_id, subject, version, occurred_at, tenant_id, resource_id, resource_seq, correlation_id, payload::text
FROM billing_events WHERE status = 'pending' AND subject = ANY (%s) ORDER BY event_id LIMIT 1000
"""
_ALL_TAKEN = "SELECT count(DISTINCT event_id) = cardinality(%s::uuid[]) FROM inbox WHERE event_id = ANY (%s::uuid[])"
_ECHO = b',"echo":true}'
"""The end of a copy that nobody would have sent: consumers don't mind, whoever judges the order leaves it out."""
_decode = msgspec.json.Decoder(CloudEvent).decode


class Echoes:
    """Hears the whole bus through groups of its own. `poisoned` has the ids of what must end in the dead letters."""

    def __init__(self, bus: Bus, subjects: Sequence[str]) -> None:
        self._bus = bus
        self._subjects = subjects
        self._listening: Subscription | None = None
        self.repeated = 0
        self.poisoned: set[UUID] = set()

    async def repeat(self, rng: random.Random) -> None:
        """Publish copies of what went over the bus, one to three of each, in any order."""
        heard: list[bytes] = []

        async def something() -> bool:
            try:
                if self._listening is None:
                    self._listening = await self._bus.consume(_EAVESDROPPER, self._subjects)
                deliveries = await self._listening.fetch(_SAMPLE, _WAIT_SECONDS)
            except BusUnavailable:
                return False
            await self._listening.acknowledge(deliveries)
            heard.extend(delivery.body for delivery in deliveries)
            return bool(heard)

        await until(something, seconds=_PATIENCE_SECONDS, what="messages to repeat")
        copies = [_message(body) for body in heard for _ in range(rng.randint(1, 3))]
        rng.shuffle(copies)
        await self._publish(copies)
        self.repeated += len(copies)

    async def overtake(self, records: Records, rng: random.Random) -> None:
        """Publish copies of half of what waits in the outbox, in any order, and return when they are handled.

        The latest event of each resource is among them: consumers surely meet it before the earlier ones.
        """
        rows = await records.rows(_PENDING, list(self._subjects))
        latest = {row[5]: row[0] for row in rows}
        chosen = [row for row in rows if latest[row[5]] == row[0] or rng.random() < 0.5]
        copies = []
        for event_id, subject, version, at, tenant_id, resource_id, seq, correlation_id, payload in chosen:
            event = CloudEvent(
                id=event_id, type=subject, source="/corebilling/faults", time=at, tenantid=tenant_id,
                resourceid=resource_id, resourceseq=seq, correlationid=correlation_id, dataversion=version,
                data=msgspec.Raw(payload.encode()),
            )  # fmt: skip
            copies.append(_message(msgspec.json.encode(event)[:-1] + _ECHO))
        rng.shuffle(copies)
        await self._publish(copies)
        self.repeated += len(copies)
        event_ids = [row[0] for row in chosen]

        async def taken() -> bool:
            return bool(await records.one(_ALL_TAKEN, event_ids, event_ids))

        await until(taken, seconds=_PATIENCE_SECONDS, what="events to be taken that overtook the dispatchers")

    async def poison(self, tenant_id: str) -> None:
        """Publish an event with a payload that no release understands."""
        event_id = new_id()
        event = CloudEvent(
            id=event_id, type=POISONED_SUBJECT, source="/corebilling/usage", time=datetime.now(UTC),
            tenantid=UUID(tenant_id), resourceid=event_id, resourceseq=0, correlationid=event_id, dataversion=1,
            data=msgspec.Raw(b'{"broken": 1}'),
        )  # fmt: skip
        self.poisoned.add(event_id)
        await self._publish([_message(msgspec.json.encode(event))])

    async def lag(self, durable: str) -> int:
        """Messages that a consumer group hasn't acknowledged, as the broker counts them; -1 while it can't be asked."""
        try:
            backlog = await self._bus.backlog(durable)
        except BusUnavailable:
            return -1
        return -1 if backlog is None else backlog

    async def first_arrivals(self, wanted: Set[UUID]) -> dict[UUID, list[tuple[int, UUID]]]:
        """By resource: (sequence number, event id) of each event in the order in which it came over the bus first.

        To be asked when nothing fails any more: it reads from the beginning until it has met all that are wanted.
        """
        arrivals: dict[UUID, dict[UUID, int]] = defaultdict(dict)
        missing = set(wanted)
        witness = await self._bus.consume(_WITNESS, self._subjects)

        async def met_all() -> bool:
            deliveries = await witness.fetch(_PAGE, _WAIT_SECONDS)
            for delivery in deliveries:
                if delivery.body.endswith(_ECHO):
                    continue
                event = _decode(delivery.body)
                arrivals[event.resourceid].setdefault(event.id, event.resourceseq)
                missing.discard(event.id)
            await witness.acknowledge(deliveries)
            return not missing

        await until(met_all, seconds=_PATIENCE_SECONDS, what="the bus to show all its events again", every_seconds=0)
        return {
            resource: [(seq, event_id) for event_id, seq in events.items()] for resource, events in arrivals.items()
        }

    async def _publish(self, messages: Sequence[OutgoingMessage]) -> None:
        left = list(messages)

        async def sent() -> bool:
            nonlocal left
            try:
                results = await self._bus.publish(left)
            except BusUnavailable:
                return False
            left = [m for m, result in zip(left, results, strict=True) if result.outcome is not Outcome.ACKNOWLEDGED]
            return not left

        await until(sent, seconds=_PATIENCE_SECONDS, what="the bus to take messages")


def _message(body: bytes) -> OutgoingMessage:
    event = _decode(body)
    return OutgoingMessage(str(uuid4()), event.type, event.resourceid, body)
