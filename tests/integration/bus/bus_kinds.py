"""The buses that the conformance suite runs over: real brokers that a test may take away, and connections to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import nats
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from corebilling.platform.bus.kafka import KafkaBus
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import Bus
from corebilling.platform.embedded import EmbeddedNats
from kafka_libraries import KafkaIsMissingError, without_kafka
from kafka_servers import KafkaCluster
from nats_cluster import NatsCluster

MAX_AGE = timedelta(days=14)
_SOON = 2.0
"""Seconds until a delivery comes again."""


class Broker(Protocol):
    """A server of a bus."""

    @property
    def running(self) -> bool: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...


class Kind(Protocol):
    """One of the buses. A place on it is a stream, or a topic."""

    @property
    def brokers(self) -> Sequence[Broker]:
        """Those that a test may kill; none where the brokers aren't ours."""
        ...

    def bus(self, place: str, *, max_age: timedelta = MAX_AGE) -> Bus:
        """A connection to be opened."""
        ...

    async def destroy(self, place: str) -> None:
        """Take stream or topic away behind the product's back."""
        ...


class OnNats:
    """Streams on one server or three."""

    def __init__(self, url: str, brokers: Sequence[Broker]) -> None:
        self._url = url
        self.brokers = brokers

    def bus(self, place: str, *, max_age: timedelta = MAX_AGE) -> Bus:
        copies = len(self.brokers) or 1
        return NatsBus(
            self._url, stream=place, prefix=place, max_age=max_age, replicas=copies, acknowledge_seconds=_SOON
        )

    async def destroy(self, place: str) -> None:
        nc = await nats.connect(self._url.split(","))
        await nc.jetstream().delete_stream(place)
        await nc.close()


class OnKafka:
    """Topics on one broker or three."""

    def __init__(self, addresses: str, brokers: Sequence[Broker]) -> None:
        self.addresses = addresses
        self.brokers = brokers

    def bus(self, place: str, *, max_age: timedelta = MAX_AGE) -> Bus:
        copies = len(self.brokers) or 1
        return KafkaBus(
            self.addresses, topic=place, partitions=4, replication=copies, max_age=max_age, acknowledge_seconds=_SOON
        )

    async def destroy(self, place: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.addresses)
        await admin.start()
        await admin.delete_topics([place])
        await admin.close()


@contextmanager
def _nats(data: Path) -> Iterator[Kind]:
    with EmbeddedNats(data / "nats") as server:
        yield OnNats(server.url, [server])


@contextmanager
def _nats_cluster(data: Path) -> Iterator[Kind]:
    with NatsCluster(data) as cluster:
        yield OnNats(cluster.url, cluster.servers)


@contextmanager
def _three_brokers(data: Path) -> Iterator[Kind]:
    cluster = KafkaCluster(data, 3)
    try:
        cluster.start()
    except KafkaIsMissingError as error:
        without_kafka(error)
    try:
        yield OnKafka(cluster.addresses, cluster.brokers)
    finally:
        cluster.stop()


KINDS: Mapping[str, Callable[[Path], AbstractContextManager[Kind]]] = {
    "nats": _nats,
    "nats-cluster": _nats_cluster,
    "kafka-three": _three_brokers,
}
"""Those that have servers of their own; "kafka" is the broker that all tests of this directory share."""
PARAMETERS = ["nats", "nats-cluster", "kafka", pytest.param("kafka-three", marks=pytest.mark.slow)]
