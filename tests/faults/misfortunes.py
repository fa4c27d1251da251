"""What goes wrong: each fault strikes, lasts a while and is mended; which comes when is drawn from a seed.

Processes in one lane, servers and network in another: both at once, so that an outage of one meets that of another.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from books_of_record import Records
from bus_servers import DISPATCHERS, ROLES, ROUTERS, kind_of
from echoes import Echoes
from estate import Estate
from trade import Tenant, answered

from corebilling.cli.client import until
from toxiproxy import Link

_PENDING = "SELECT count(*) FROM billing_events WHERE status = 'pending'"
_NOTICED_SECONDS = 60.0
_ON_BUS = (*ROUTERS, *DISPATCHERS)


@dataclass(frozen=True)
class Fault:
    """`kind` is what it is counted as. `strike` returns when it is mended, though perhaps not yet recovered from."""

    kind: str
    strike: Callable[[], Awaitable[None]]


class Misfortunes:
    """Strikes an estate under load. `survived` counts by kind; below an `endurance` of 1 they are fewer and shorter."""

    def __init__(
        self, estate: Estate, tenants: list[Tenant], records: Records, echoes: Echoes, *, seed: int, endurance: float
    ) -> None:
        self._estate = estate
        self._tenants = tenants
        self._records = records
        self._echoes = echoes
        self._rng = random.Random(seed)
        self._endurance = endurance
        self.survived: Counter[str] = Counter()

    async def strike_for(self, seconds: float) -> None:
        """Go on for so long, and until each fault has struck once."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as lanes:
            for lane in (self._of_processes(), self._of_servers() + self._of_network() + self._of_messages()):
                lanes.create_task(self._lane(lane, deadline))

    async def restore(self) -> None:
        """Return once every role is ready. Raises EmbeddedError for one that has ended by itself."""
        for name in ROLES:
            await asyncio.to_thread(self._estate.roles[name].wait_ready)

    async def _lane(self, faults: Sequence[Fault], deadline: float) -> None:
        struck_all = False
        while not struck_all or asyncio.get_running_loop().time() < deadline:
            for fault in self._rng.sample(faults, len(faults)):
                if struck_all and asyncio.get_running_loop().time() >= deadline:
                    return
                await self._load_moves_on(self._rng.randrange(10, 100))
                await fault.strike()
                self.survived[fault.kind] += 1
            struck_all = True

    def _of_processes(self) -> list[Fault]:
        victims = list(ROLES) if self._endurance >= 1 else list({kind_of(name): name for name in ROLES}.values())
        kills = [Fault(f"SIGKILL {kind_of(name)}", partial(self._kill, name)) for name in victims]
        return [
            *kills,
            Fault("router frozen", partial(self._freeze, ROUTERS, 2.0, 14.0)),  # beyond the broker's patience, or not
            Fault("dispatcher frozen past its lease", partial(self._freeze, DISPATCHERS, 6.0, 8.0)),
            Fault("first deliveries shuffled", self._dispatchers_are_overtaken),
        ]

    def _of_servers(self) -> list[Fault]:
        brokers = self._estate.bus.brokers
        one_by_one = [Fault("one broker killed", partial(self._brokers_die, 1)) for _ in brokers if len(brokers) > 1]
        return [
            *one_by_one,
            Fault("all brokers killed", partial(self._brokers_die, len(brokers))),
            Fault("bus away while the outbox fills", self._outbox_fills),
            Fault("PostgreSQL stopped at once", self._database_stops),
            Fault("PostgreSQL stopped at once, bus killed", self._everything_stops),
        ]

    def _of_network(self) -> list[Fault]:
        if self._estate.network is None:
            return []
        faults = []
        for server, roles in (("PostgreSQL", ROLES), ("bus", _ON_BUS)):
            for kind, hurt in (("cut", Link.cut), ("reset", Link.reset), ("silent", _silence), ("slow", _slow)):
                faults.append(Fault(f"{kind} way to {server}", partial(self._hurt, server, roles, hurt)))
        return faults

    def _of_messages(self) -> list[Fault]:
        return [
            Fault("messages repeated and shuffled", partial(self._echoes.repeat, self._rng)),
            Fault("poison on the bus", lambda: self._echoes.poison(self._rng.choice(self._tenants).id)),
        ]

    async def _kill(self, name: str) -> None:
        role = self._estate.roles[name]
        await asyncio.to_thread(role.wait_ready)
        await asyncio.to_thread(role.kill)
        await asyncio.to_thread(role.start)

    async def _freeze(self, names: Sequence[str], shortest: float, longest: float) -> None:
        name = self._rng.choice(names)
        await asyncio.to_thread(self._estate.roles[name].wait_ready)
        self._estate.freeze(name)
        try:
            await self._last(shortest, longest)
        finally:
            self._estate.thaw(name)

    async def _brokers_die(self, count: int) -> None:
        victims = self._rng.sample(list(self._estate.bus.brokers), count)
        await asyncio.gather(*(asyncio.to_thread(broker.kill) for broker in victims))
        await self._last(0.2, 2.0)
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in victims))

    async def _dispatchers_are_overtaken(self) -> None:
        for name in DISPATCHERS:
            await asyncio.to_thread(self._estate.roles[name].wait_ready)
            self._estate.freeze(name)
        try:
            await self._outbox_has(self._rng.randrange(50, 200))
            await self._echoes.overtake(self._records, self._rng)
        finally:
            for name in DISPATCHERS:
                self._estate.thaw(name)

    async def _outbox_has(self, wanted: int) -> None:
        async def filled() -> bool:
            return int(await self._records.one(_PENDING)) >= wanted

        await until(filled, seconds=_NOTICED_SECONDS, what=f"{wanted} events to wait in the outbox")

    async def _outbox_fills(self) -> None:
        brokers = self._estate.bus.brokers
        await asyncio.gather(*(asyncio.to_thread(broker.kill) for broker in brokers))
        await self._outbox_has(self._rng.randrange(50, 200))
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in brokers))

    async def _database_stops(self) -> None:
        await asyncio.to_thread(self._estate.postgres.stop, "immediate")
        await self._last(0.2, 1.5)
        await asyncio.to_thread(self._estate.postgres.start)

    async def _everything_stops(self) -> None:
        brokers = self._estate.bus.brokers
        await asyncio.to_thread(self._estate.postgres.stop, "immediate")
        await asyncio.gather(*(asyncio.to_thread(broker.kill) for broker in brokers))
        await self._last(0.2, 1.0)
        servers = [self._estate.postgres, *brokers]
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in self._rng.sample(servers, len(servers))))

    async def _hurt(
        self, server: Literal["PostgreSQL", "bus"], roles: Sequence[str], hurt: Callable[[Link], None]
    ) -> None:
        links = self._estate.links(self._rng.choice(roles), server)
        for link in links:
            await asyncio.to_thread(hurt, link)
        await self._last(0.5, 3.0)
        for link in links:
            await asyncio.to_thread(link.mend)

    async def _last(self, shortest: float, longest: float) -> None:
        """The fault goes on for a while; how long is part of it, nothing rests on it."""
        await asyncio.sleep(self._rng.uniform(shortest, max(shortest, longest * self._endurance)))

    async def _load_moves_on(self, by: int) -> None:
        goal = answered(self._tenants) + by

        async def moved() -> bool:
            return answered(self._tenants) >= goal

        await until(moved, seconds=_NOTICED_SECONDS, what="the load to move on", every_seconds=0.02)


def _silence(link: Link) -> None:
    link.silence(seconds=2.0)


def _slow(link: Link) -> None:
    link.slow(latency_ms=60, jitter_ms=30)
