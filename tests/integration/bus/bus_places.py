"""A stream or topic of a test's own, and sending and receiving there as dispatcher and router do."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

from bus_kinds import MAX_AGE, Kind

from backbone import until
from corebilling.platform.bus.port import Bus, BusUnavailable, Delivery, Outcome, OutgoingMessage, Subscription

SUBJECT = "thing.happened"


class Place:
    """A stream or topic of the test's own."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = f"t{uuid4().hex[:12]}"
        self._opened: list[Bus] = []

    async def bus(self, *, max_age: timedelta = MAX_AGE) -> Bus:
        """A new connection."""
        bus = self.kind.bus(self.name, max_age=max_age)
        self._opened.append(bus)
        await bus.connect()
        return bus

    async def close(self) -> None:
        for bus in self._opened:
            await bus.close()


def message(text: str, *, key: UUID | None = None, subject: str = SUBJECT) -> OutgoingMessage:
    return OutgoingMessage(f"{uuid4()}", subject, key or uuid4(), text.encode())


async def send(bus: Bus, *messages: OutgoingMessage) -> None:
    """Publish as the dispatcher does: what has no answer goes again."""
    left: Sequence[OutgoingMessage] = messages

    async def is_there() -> bool:
        nonlocal left
        with suppress(BusUnavailable):
            results = await bus.publish(left)
            left = [m for m, result in zip(left, results, strict=True) if result.outcome is not Outcome.ACKNOWLEDGED]
        return not left

    await until(is_there, f"{len(messages)} messages published", seconds=90)


async def receive(subscription: Subscription, texts: Collection[str], *, limit: int = 100) -> list[Delivery]:
    """Everything delivered until these texts are among it."""
    found: list[Delivery] = []

    async def is_there() -> bool:
        with suppress(BusUnavailable):
            found.extend(await subscription.fetch(limit, 0.5))
        return set(texts) <= {text(delivery) for delivery in found}

    await until(is_there, f"{sorted(texts)[:9]} delivered", seconds=60)
    return found


async def acknowledged(subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
    """Acknowledge these and what comes again, because a server that is killed may forget acknowledgements."""
    await subscription.acknowledge(deliveries)

    async def is_known() -> bool:
        with suppress(BusUnavailable):
            if await subscription.lag() == 0:
                return True
            await subscription.acknowledge(await subscription.fetch(100, 0.05))
        return False

    await until(is_known, "no lag")


def text(delivery: Delivery) -> str:
    return delivery.body.decode()
