"""How clients of a Kafka cluster are made: addresses, security and time limits, the same for each of them.

FastStream describes the security and builds the consumers; producer and observers are aiokafka's own, because
FastStream awaits each message's acknowledgement (docs/adr/0013).
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

TROUBLE = (KafkaError, OSError, TimeoutError, AssertionError)
"""What a cluster in trouble makes clients raise; aiokafka asserts that it knows a partition."""

REQUEST_SECONDS = 5.0
_METADATA_SECONDS = 5.0
_BATCH_BYTES = 256 * 1024
_SESSION_SECONDS = 10.0
_HEARTBEAT_SECONDS = 1.0
_REBALANCE_SECONDS = 15.0
_LONGEST_FETCH_SECONDS = 0.05
"""A partition that was just read is asked for again only when the request under way comes back, which may hold news up so long."""
_IDLE_SECONDS = 24 * 3600.0
"""A router that waits for PostgreSQL doesn't fetch; it stays a member, because nobody else could go on either."""

_MECHANISMS = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = tuple(_MECHANISMS)


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How to reach a cluster that doesn't take everybody. Files are PEM; the password is never shown."""

    protocol: str = "PLAINTEXT"
    """One of PROTOCOLS."""
    mechanism: str = "PLAIN"
    """One of MECHANISMS, for the SASL protocols."""
    username: str = ""
    password: str = ""
    ca_file: str = ""
    """Whom to trust; empty = the machine's authorities."""
    cert_file: str = ""
    key_file: str = ""

    def __repr__(self) -> str:
        return f"KafkaSecurity({self.protocol}, {self.mechanism}, {self.username})"

    def described(self) -> BaseSecurity:
        """The same in FastStream's words. Raises ValueError for a protocol or mechanism that isn't known."""
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"the Kafka protocol {self.protocol} is none of {', '.join(PROTOCOLS)}")
        context = None
        if self.protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None)
        if not self.protocol.startswith("SASL"):
            return BaseSecurity(ssl_context=context, use_ssl=context is not None)
        made = _MECHANISMS.get(self.mechanism)
        if made is None:
            raise ValueError(f"the SASL mechanism {self.mechanism} is none of {', '.join(MECHANISMS)}")
        return made(self.username, self.password, ssl_context=context, use_ssl=context is not None)


class Clients:
    """Makes clients of one cluster; each is to be started and stopped by who asked for it."""

    def __init__(self, brokers: Sequence[str], security: KafkaSecurity | None) -> None:
        described = security.described() if security else None
        self._options: dict[str, Any] = {
            "bootstrap_servers": list(brokers),
            "client_id": "corebilling",
            "request_timeout_ms": int(REQUEST_SECONDS * 1000),
            "metadata_max_age_ms": int(_METADATA_SECONDS * 1000),
        }
        self._broker = KafkaBroker(**self._options, security=described, consumer_only=True, logger=None)
        self._options |= parse_security(described)

    def observer(self) -> AIOKafkaClient:
        """Knows the cluster's brokers, topics and leaders."""
        return AIOKafkaClient(**self._options)

    def admin(self) -> AIOKafkaAdminClient:
        """Makes and describes topics and groups."""
        return AIOKafkaAdminClient(**self._options)

    def producer(self, largest_bytes: int) -> AIOKafkaProducer:
        """Takes batches without duplicating or reordering them; a message may be so large."""
        return AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            max_request_size=largest_bytes,
            max_batch_size=min(_BATCH_BYTES, largest_bytes),
        )

    async def reader(self, group: str | None = None) -> AIOKafkaConsumer:
        """A consumer that is no member of a group: asks for offsets, or commits them while a group has no members."""
        build = await self._broker.connect()
        return build(group_id=group, enable_auto_commit=False)

    async def member(self, group: str) -> AIOKafkaConsumer:
        """A member of a group that commits what it is told, and nothing by itself."""
        build = await self._broker.connect()
        return build(
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=int(_LONGEST_FETCH_SECONDS * 1000),
            session_timeout_ms=int(_SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(_HEARTBEAT_SECONDS * 1000),
            rebalance_timeout_ms=int(_REBALANCE_SECONDS * 1000),
            max_poll_interval_ms=int(_IDLE_SECONDS * 1000),
        )
