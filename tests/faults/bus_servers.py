"""The event bus of an estate: brokers that can be taken away one at a time, and how each role reaches them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit, urlunsplit

from corebilling.platform.bus.kafka import KafkaBus
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import Bus
from corebilling.platform.embedded import EmbeddedNats
from kafka_servers import KafkaCluster
from nats_cluster import NatsCluster
from toxiproxy import Link, Network

ROUTERS = ("router-1", "router-2")
DISPATCHERS = ("dispatcher-1", "dispatcher-2")
ROLES = ("api", "worker", *ROUTERS, *DISPATCHERS)
"""Two routers and two dispatchers, so that each has somebody to take over from it."""


class Broker(Protocol):
    """A server of the bus."""

    @property
    def log(self) -> Path: ...

    def start(self) -> None:
        """Start again on the same data and port; returns when it answers."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class BusServers(Protocol):
    """All brokers of one bus."""

    name: str
    brokers: Sequence[Broker]

    def start(self, network: Network | None, roles: Sequence[str]) -> None:
        """Start every broker, with a way to them for each role."""
        ...

    def stop(self) -> None:
        """Stop every broker and delete its data."""
        ...

    def settings(self, role: str) -> Mapping[str, str]:
        """The environment variables by which a role finds the bus."""
        ...

    def links(self, role: str) -> Sequence[Link]:
        """The role's ways to the brokers; none where there are no proxies."""
        ...

    def direct(self) -> Bus:
        """A connection of one's own, past the proxies."""
        ...


def through(url: str, link: Link) -> str:
    """The same server, reached by a link."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{link.port}"))


class OnNats:
    """One NATS server, or three that are a cluster with three copies of everything. Each role has links of its own."""

    def __init__(self, name: str, servers: Sequence[EmbeddedNats], start: Callable[[], None]) -> None:
        self.name = name
        self.brokers: Sequence[Broker] = servers
        self._servers = servers
        self._start = start
        self._links: dict[str, list[Link]] = {}

    @classmethod
    def single(cls, data: Path) -> Self:
        """One server."""
        server = EmbeddedNats(data / "nats")
        return cls("NATS", [server], server.start)

    @classmethod
    def cluster(cls, data: Path) -> Self:
        """Three servers."""
        cluster = NatsCluster(data)
        return cls("a NATS cluster", cluster.servers, cluster.start)

    def start(self, network: Network | None, roles: Sequence[str]) -> None:
        self._start()
        if network is not None:
            self._links = {
                role: [
                    network.link(f"{role}-nats-{number}", server.port) for number, server in enumerate(self._servers)
                ]
                for role in roles
            }

    def stop(self) -> None:
        for server in self._servers:
            server.kill()
            server.remove()

    def settings(self, role: str) -> Mapping[str, str]:
        urls = [server.url for server in self._servers]
        if self._links:
            urls = [through(url, link) for url, link in zip(urls, self._links[role], strict=True)]
        return {"EVENT_BUS": "nats", "NATS_URL": ",".join(urls), "NATS_REPLICAS": str(len(urls))}

    def links(self, role: str) -> Sequence[Link]:
        return self._links.get(role, [])

    def direct(self) -> Bus:
        return NatsBus(",".join(server.url for server in self._servers), replicas=len(self._servers))


class OnKafka:
    """One Kafka broker, or three with three copies of everything. Each role has a listener and links of its own."""

    def __init__(self, data: Path, brokers: int) -> None:
        self.name = "Kafka" if brokers == 1 else "a Kafka cluster"
        ways = [_way(role) for role in ROLES]
        self._cluster = KafkaCluster(data, brokers, ways=ways)
        self.brokers: Sequence[Broker] = self._cluster.brokers
        self._links: dict[str, list[Link]] = {}

    def start(self, network: Network | None, roles: Sequence[str]) -> None:
        for role in roles if network is not None else ():
            self._links[role] = []
            for broker in self._cluster.brokers:
                way = broker.ways[_way(role)]
                link = network.link(f"{role}-kafka-{broker.node}", way.port)
                way.advertised = link.port
                self._links[role].append(link)
        self._cluster.start()

    def stop(self) -> None:
        self._cluster.stop()

    def settings(self, role: str) -> Mapping[str, str]:
        replication = str(len(self._cluster.brokers))
        addresses = self._cluster.addresses_by(_way(role))
        return {"EVENT_BUS": "kafka", "KAFKA_BROKERS": addresses, "KAFKA_REPLICATION": replication}

    def links(self, role: str) -> Sequence[Link]:
        return self._links.get(role, [])

    def direct(self) -> Bus:
        replication, max_age = len(self._cluster.brokers), timedelta(days=14)
        return KafkaBus(self._cluster.addresses, topic="billing.events", replication=replication, max_age=max_age)


def kind_of(name: str) -> str:
    """What a process is: `dispatcher` of `dispatcher-2`."""
    return name.partition("-")[0]


def _way(role: str) -> str:
    return role.upper().replace("-", "_")


BUSES: Mapping[str, Callable[[Path], BusServers]] = {
    "nats": OnNats.single,
    "nats-cluster": OnNats.cluster,
    "kafka": lambda data: OnKafka(data, 1),
    "kafka-three": lambda data: OnKafka(data, 3),
}
"""What BUS may name."""
