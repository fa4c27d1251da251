"""The buses to measure: NATS comes with the installation, Kafka is run where there are Java and Maven, as for the tests."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from corebilling.platform.bus.kafka import KafkaBus
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import Bus

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from kafka_libraries import KafkaIsMissingError
from kafka_servers import KafkaCluster


class Place(msgspec.Struct, frozen=True):
    """A bus that nobody else uses: how this process connects to it, and how the roles' environment names it."""

    name: str
    connection: Callable[[], Bus]
    environment: Mapping[str, str]


def nats(url: str) -> Place:
    """The installation's own NATS."""
    return Place("NATS", lambda: NatsBus(url), {"NATS_URL": url})


@contextmanager
def kafka() -> Iterator[Place | None]:
    """One broker for as long as the block lasts; None, said aloud, where none can be run."""
    with tempfile.TemporaryDirectory(prefix="corebilling-kafka-") as data:
        cluster = KafkaCluster(Path(data))
        try:
            cluster.start()
        except KafkaIsMissingError as error:
            sys.stderr.write(f"!! nothing is measured on Kafka: {error}\n")
            yield None
            return
        try:
            brokers = cluster.addresses
            yield Place("Kafka", lambda: KafkaBus(brokers), {"EVENT_BUS": "kafka", "KAFKA_BROKERS": brokers})
        finally:
            cluster.stop()
