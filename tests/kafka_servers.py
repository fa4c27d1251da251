"""Kafka brokers for tests, in KRaft mode: each is broker and controller at once. They end when the test process does.

Beside the listener for everybody a broker may have ways: listeners of a name and port of their own that tell clients another
port, so that a proxy can stand between.
"""

import signal
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from corebilling.platform.embedded import processes
from corebilling.platform.embedded.places import Home
from corebilling.platform.embedded.server import Server
from kafka_libraries import java, libraries

_CLUSTER_ID = "Y29yZWJpbGxpbmctdGVzdA"
_JAVA = ("-Xmx384m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)


@dataclass(slots=True)
class Way:
    """A listener of a broker: where it listens, and which port it tells clients."""

    port: int
    advertised: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """A listener that encrypts and knows one user, by PLAIN and by SCRAM-SHA-512. Files are PEM."""

    ca: str
    cert: str
    key: str
    username: str
    password: str


class KafkaServer(Server):
    """One broker of a cluster; topics survive a restart on the same data."""

    name = "kafka"
    death_signal = signal.SIGKILL

    def __init__(
        self,
        data: Path,
        *,
        node: int,
        controllers: Sequence[int],
        ways: Sequence[str] = (),
        secrets: Secrets | None = None,
    ) -> None:
        super().__init__(data, port=processes.free_port())
        self.node = node
        self._controllers = controllers
        self._secrets = secrets
        self.secure_port = processes.free_port() if secrets else 0
        self.ways = {name: Way(port, port) for name in ways for port in [processes.free_port()]}

    @property
    def home(self) -> Home:
        """As ourselves, also under root: Kafka has nothing against it, and its libraries lie in the checkout."""
        return Home(self.data, self.data, None)

    def _prepare(self, home: Home) -> None:
        home.write("server.properties", "\n".join(f"{k}={v}" for k, v in self._settings(home).items()) + "\n")
        if not (home.path / "topics" / "meta.properties").exists():
            arguments = ["format", "-t", _CLUSTER_ID, "-c", home.path / "server.properties"]
            if self._secrets:
                user = f"name={self._secrets.username},password={self._secrets.password}"
                arguments += ["--add-scram", f"SCRAM-SHA-512=[{user}]"]
            processes.run_to_end([*self._java("kafka.tools.StorageTool"), *arguments], None)

    def _command(self, home: Home, port: int) -> list[str | Path]:
        return [*self._java("kafka.Kafka"), home.path / "server.properties"]

    def _java(self, main: str) -> list[str | Path]:
        return [java(), *_JAVA, _LOGGING, "-cp", f"{libraries()}/*", main]

    def _is_ready(self, home: Home, port: int, pid: int) -> bool:
        """A broker answers which requests it knows once it serves any."""
        try:
            with socket.create_connection((processes.LOOPBACK, port), timeout=1.0) as connection:
                connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
                return len(connection.recv(4)) == struct.calcsize(">i")
        except OSError:
            return False

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        processes.end(process, (signal.SIGTERM, 10.0))

    def _settings(self, home: Home) -> Mapping[str, str | int | Path]:
        copies = min(3, len(self._controllers))
        listeners = {"PLAINTEXT": Way(self.port, self.port), **self.ways}
        protocols = dict.fromkeys(["CONTROLLER", *listeners], "PLAINTEXT")
        if self._secrets:
            listeners["SECURE"] = Way(self.secure_port, self.secure_port)
            protocols["SECURE"] = "SASL_SSL"
        own = f"CONTROLLER://{processes.LOOPBACK}:{self._controllers[self.node - 1]}"
        voters = [f"{node}@{processes.LOOPBACK}:{port}" for node, port in enumerate(self._controllers, 1)]
        return {
            "process.roles": "broker,controller",
            "node.id": self.node,
            "listeners": ",".join([*(f"{n}://{processes.LOOPBACK}:{w.port}" for n, w in listeners.items()), own]),
            "advertised.listeners": ",".join(
                f"{name}://{processes.LOOPBACK}:{way.advertised}" for name, way in listeners.items()
            ),
            "listener.security.protocol.map": ",".join(f"{name}:{what}" for name, what in protocols.items()),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.quorum.voters": ",".join(voters),
            "log.dirs": home.path / "topics",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 3,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": copies,
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 400,
            "num.network.threads": 2,
            "num.io.threads": 2,
        } | (_secured(home, self._secrets) if self._secrets else {})


def _secured(home: Home, secrets: Secrets) -> Mapping[str, str | Path]:
    """The settings of the listener SECURE."""
    chain = home.write("server.pem", Path(secrets.key).read_text() + Path(secrets.cert).read_text())
    login = "org.apache.kafka.common.security"
    plain = f'{login}.plain.PlainLoginModule required user_{secrets.username}="{secrets.password}";'
    return {
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.secure.plain.sasl.jaas.config": plain,
        "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": chain,
        "listener.name.secure.ssl.truststore.type": "PEM",
        "listener.name.secure.ssl.truststore.location": home.write("ca.pem", Path(secrets.ca).read_text()),
        "listener.name.secure.ssl.client.auth": "required",
    }


class KafkaCluster:
    """One broker or several. A context manager; what it wrote is deleted at the end."""

    def __init__(
        self, data: Path, brokers: int = 1, *, ways: Sequence[str] = (), secrets: Secrets | None = None
    ) -> None:
        controllers = [processes.free_port() for _ in range(brokers)]
        self.brokers = [
            KafkaServer(data / f"kafka-{node}", node=node, controllers=controllers, ways=ways, secrets=secrets)
            for node in range(1, brokers + 1)
        ]

    @property
    def addresses(self) -> str:
        """Where clients find the cluster, as KAFKA_BROKERS has it."""
        return ",".join(f"{processes.LOOPBACK}:{broker.port}" for broker in self.brokers)

    def addresses_by(self, way: str) -> str:
        """The same by the ports that a way's clients are told."""
        return ",".join(f"{processes.LOOPBACK}:{broker.ways[way].advertised}" for broker in self.brokers)

    @property
    def secure_addresses(self) -> str:
        """The same of the listeners that encrypt and ask who is there."""
        return ",".join(f"{processes.LOOPBACK}:{broker.secure_port}" for broker in self.brokers)

    def start(self) -> None:
        """Start those that don't run, all at once: a controller answers only where most of them are up.

        Raises KafkaIsMissingError, or EmbeddedError with the end of a log.
        """
        java(), libraries()
        for broker in self.brokers:
            broker.data.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(len(self.brokers)) as starters:
            list(starters.map(KafkaServer.start, [broker for broker in self.brokers if not broker.running]))

    def stop(self) -> None:
        """End all of them at once, and delete what they wrote."""
        for broker in self.brokers:
            broker.kill()
            broker.home.remove()

    def __enter__(self) -> "KafkaCluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
