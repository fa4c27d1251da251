"""The event bus that the settings choose. Only its own client library is loaded."""

from urllib.parse import urlsplit

from corebilling.kernel.errors import Invalid
from corebilling.platform.bus.port import Bus
from corebilling.settings import Settings

DURABLE = "billing-consumer"
"""The consumer group of the routers, on either bus."""

_PORTS = {"nats": 4222, "kafka": 9092}


def make_bus(settings: Settings) -> Bus:
    """A connection to be opened. Raises Invalid where a file that it needs can't be used."""
    return _kafka(settings) if settings.event_bus == "kafka" else _nats(settings)


def bus_servers(settings: Settings) -> list[tuple[str, int]]:
    """Hosts and ports of the chosen bus, for asking whether they answer at all."""
    said = settings.kafka_brokers if settings.event_bus == "kafka" else settings.nats_url
    parts = [urlsplit(one.strip() if "://" in one else f"//{one.strip()}") for one in said.split(",") if one.strip()]
    return [(part.hostname or "", part.port or _PORTS[settings.event_bus]) for part in parts]


def _nats(settings: Settings) -> Bus:
    from corebilling.platform.bus.nats import NatsBus  # noqa: PLC0415 - see above
    from corebilling.platform.bus.nats_access import NatsAccess  # noqa: PLC0415

    return NatsBus(
        settings.nats_url,
        max_age=settings.event_retention,
        replicas=settings.nats_replicas,
        access=NatsAccess(
            creds=settings.nats_creds,
            tls_ca=settings.nats_tls_ca,
            tls_cert=settings.nats_tls_cert,
            tls_key=settings.nats_tls_key,
        ),
    )


def _kafka(settings: Settings) -> Bus:
    from corebilling.platform.bus.kafka import KafkaBus  # noqa: PLC0415 - see above
    from corebilling.platform.bus.kafka_connection import KafkaSecurity  # noqa: PLC0415

    security = None
    if settings.kafka_security_protocol != "PLAINTEXT":
        security = KafkaSecurity(
            protocol=settings.kafka_security_protocol,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            ca_file=settings.kafka_tls_ca,
            cert_file=settings.kafka_tls_cert,
            key_file=settings.kafka_tls_key,
        )
    try:
        return KafkaBus(
            settings.kafka_brokers,
            topic=settings.kafka_topic,
            partitions=settings.kafka_partitions,
            replication=settings.kafka_replication,
            max_age=settings.event_retention,
            security=security,
        )
    except OSError as error:  # what the ssl module raises is one as well
        raise Invalid(
            f"KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY is no usable PEM file: {error}", code="kafka_tls"
        ) from error
