"""The environment as one frozen struct, checked at start with one clear message. `.env.example` documents each name."""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

Role = Literal["api", "worker", "router", "migrate"]
BusName = Literal["nats", "kafka"]
WorkerComponent = Literal["dispatcher", "webhook", "scheduler", "rating", "jobs", "invoicing", "payments"]
WORKER_COMPONENTS: tuple[WorkerComponent, ...] = get_args(WorkerComponent)

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class SettingsError(ValueError):
    """The environment doesn't hold together; the message lists every variable to mend."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process needs to know. Each field is the environment variable of the same name in capitals."""

    role: Role = "api"
    worker_components: tuple[WorkerComponent, ...] = WORKER_COMPONENTS
    environment: Literal["development", "production"] = "production"
    region: str = "local"

    http_host: str = "0.0.0.0"  # noqa: S104 - a container listens on all its interfaces; dev and demo say 127.0.0.1
    http_port: Port = 3035
    metrics_port: Port = 9464
    http_max_body_bytes: Positive = 16 * 1024 * 1024

    database_url: str = ""
    database_migration_url: str = ""
    database_direct_url: str = ""
    database_pool_size: Positive = 20
    enabled_migration_services: tuple[str, ...] = ()

    event_bus: BusName = "nats"
    nats_url: str = "nats://127.0.0.1:4222"
    nats_creds: str = ""
    nats_tls_ca: str = ""
    nats_tls_cert: str = ""
    nats_tls_key: str = ""
    nats_replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    kafka_brokers: str = ""
    kafka_topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,200}$")] = "billing.events"
    kafka_partitions: Positive = 12
    kafka_replication: Positive = 1
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = ""
    kafka_tls_ca: str = ""
    kafka_tls_cert: str = ""
    kafka_tls_key: str = ""

    event_retention_days: Positive = 14
    inbox_retention_days: NotNegative = 0
    outbox_sweep_after_seconds: Positive = 300
    router_batch_size: Positive = 500
    router_messages_in_flight: Positive = 1000
    router_groups_at_once: Positive = 4
    router_groups_per_subject: Positive = 2

    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    encryption_keys: tuple[str, ...] = ()

    ledger_signing_key: str = ""

    rating_debounce_seconds: NotNegative = 5
    usage_grace_seconds: NotNegative = 3600
    late_usage_delay_seconds: NotNegative = 86400

    object_store_url: str = ""
    object_store_region: str = ""
    object_store_endpoint: str = ""
    object_store_access_key_id: str = ""
    object_store_secret_access_key: str = ""

    tax_engine_url: str = ""
    tax_engine_token: str = ""

    webhook_worker_interval_seconds: Positive = 30
    webhook_worker_limit: Positive = 500
    webhook_base_delay_seconds: Positive = 10
    webhook_max_delay_seconds: Positive = 3600
    webhook_max_retries: NotNegative = 5
    webhook_retry_schedule: tuple[str, ...] = ()
    webhook_retention_days: Positive = 30
    webhook_disable_after_hours: Positive = 120
    webhook_http_timeout_seconds: Positive = 15
    webhook_allow_private_targets: bool = False

    gateway_http_timeout_seconds: Positive = 20
    gateway_certain_seconds: Positive = 60
    gateway_allow_private_targets: bool = False
    gateway_notice_retention_days: Positive = 90

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otel_exporter_otlp_endpoint: str = "localhost:4317"
    otel_sdk_disabled: bool = False
    shutdown_grace_seconds: Positive = 25

    @property
    def usage_grace(self) -> timedelta:
        """How long a period stays open for late usage."""
        return timedelta(seconds=self.usage_grace_seconds)

    @property
    def event_retention(self) -> timedelta:
        """How long the outbox and the bus keep events."""
        return timedelta(days=self.event_retention_days)

    @property
    def inbox_days(self) -> int:
        """How many days the inbox remembers what was handled. By default more than twice as long as events are kept: one
        that is replayed on its last day stays on the bus for as long again, which may deliver all that it has."""
        return self.inbox_retention_days or 2 * self.event_retention_days + 1

    @property
    def sweep_after(self) -> timedelta:
        """How long after its dispatch an event that nobody took is published again."""
        return timedelta(seconds=self.outbox_sweep_after_seconds)

    @property
    def retry_schedule(self) -> tuple[timedelta, ...]:
        """The delays before each further attempt of a webhook; empty: they double from the base delay."""
        return tuple(_duration(text) for text in self.webhook_retry_schedule)

    @property
    def listen_url(self) -> str:
        """Where LISTEN and the migration lock connect: past a transaction pooler, when there is one."""
        return self.database_direct_url or self.database_url


_ALIASES = {"otlp_endpoint": "otel_exporter_otlp_endpoint"}
_LISTS = {"worker_components", "enabled_migration_services", "encryption_keys", "webhook_retry_schedule"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_RETRY = timedelta(days=7)


def load_settings(environment: Mapping[str, str], **overrides: Any) -> Settings:
    """Read the variables; `overrides` (from the command line) win. Raises `SettingsError` naming every wrong one."""
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        raw = environment.get(name.upper())
        if raw is not None and raw.strip() != "":
            values[name] = _split(raw) if name in _LISTS else raw.strip()
    for alias, name in _ALIASES.items():
        if name not in values and environment.get(alias.upper()):
            values[name] = environment[alias.upper()]
    if environment.get("WORKER", "").lower() == "true" and "role" not in values:
        values["role"] = "worker"
    values.update({name: value for name, value in overrides.items() if value is not None})
    wrong = []
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            wrong.append(f"{name.upper()}: {str(error).split(' - at')[0]}")
    if not wrong:
        settings = msgspec.convert(values, Settings, strict=False)
        wrong = _contradictions(settings)
    if wrong:
        raise SettingsError("the environment needs mending:\n  " + "\n  ".join(wrong))
    return settings


def _split(raw: str) -> list[str]:
    return [part.strip() for part in raw.split(",") if part.strip()]


def _duration(text: str) -> timedelta:
    """`5s`, `30m`, `2h`, `1d`. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal() or not number.isascii():
        raise ValueError(f"{text!r} is no duration")
    return timedelta(seconds=int(number) * _UNITS[unit])


def _is_duration(text: str) -> bool:
    try:
        return timedelta(0) < _duration(text) <= _LONGEST_RETRY
    except (ValueError, OverflowError):
        return False


def _is_key(encoded: str) -> bool:
    try:
        return len(base64.b64decode(encoded, altchars=b"-_", validate=True)) == 32
    except binascii.Error:
        return False


def _is_database_url(url: str) -> bool:
    """Whether the password ends where libpq thinks it does: else the rest of it would show as a host's name, in errors."""
    parts = urlsplit(url)
    bare = parts.netloc.count("@") <= 1 and "@" not in parts.path + parts.fragment
    return parts.scheme in ("postgresql", "postgres") and bare


def _contradictions(settings: Settings) -> list[str]:
    wrong = []
    for name in ("database_url", "database_migration_url", "database_direct_url"):
        url: str = getattr(settings, name)
        if (url or name == "database_url") and not _is_database_url(url):
            wrong.append(
                f"{name.upper()}: set it to a URL such as postgresql://corebilling@db/corebilling, "
                "with %40 for an @ in the password, %2F for a / and so on"
            )
    if settings.role != "migrate" and not settings.encryption_keys and settings.environment == "production":
        wrong.append("ENCRYPTION_KEYS: set at least one key; `corebilling keys generate` makes one")
    if settings.ledger_signing_key and not _is_key(settings.ledger_signing_key):
        wrong.append("LEDGER_SIGNING_KEY: set it to 32 bytes in base64; `corebilling keys generate` makes them")
    if settings.object_store_url and urlsplit(settings.object_store_url).scheme not in ("file", "s3"):
        wrong.append("OBJECT_STORE_URL: set it to a URL such as s3://bucket/prefix or file:///var/lib/corebilling")
    if settings.tax_engine_url and urlsplit(settings.tax_engine_url).scheme not in ("http", "https"):
        wrong.append("TAX_ENGINE_URL: set it to a URL such as https://tax.example.com/quotes")
    if 0 < settings.inbox_retention_days < settings.event_retention_days:
        wrong.append("INBOX_RETENTION_DAYS: must not be below EVENT_RETENTION_DAYS, or events would be handled twice")
    if bad := [text for text in settings.webhook_retry_schedule if not _is_duration(text)]:
        wrong.append(f"WEBHOOK_RETRY_SCHEDULE: {bad[0]!r} must be a delay of at most 7d, such as 5s, 30m, 2h or 1d")
    wrong += _bus_contradictions(settings)
    if settings.webhook_max_delay_seconds < settings.webhook_base_delay_seconds:
        wrong.append("WEBHOOK_MAX_DELAY_SECONDS: must not be below WEBHOOK_BASE_DELAY_SECONDS")
    return wrong


def _bus_contradictions(settings: Settings) -> list[str]:
    wrong = []
    if settings.role != "migrate" and settings.event_bus == "kafka" and not settings.kafka_brokers:
        wrong.append("KAFKA_BROKERS: set it to addresses such as kafka-1:9092,kafka-2:9092")
    if settings.kafka_security_protocol.startswith("SASL") and not (
        settings.kafka_sasl_username and settings.kafka_sasl_password
    ):
        wrong.append("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: set both, KAFKA_SECURITY_PROTOCOL asks for them")
    if bool(settings.nats_tls_cert) != bool(settings.nats_tls_key):
        wrong.append("NATS_TLS_CERT and NATS_TLS_KEY: set both or neither")
    if bool(settings.kafka_tls_cert) != bool(settings.kafka_tls_key):
        wrong.append("KAFKA_TLS_CERT and KAFKA_TLS_KEY: set both or neither")
    if settings.router_messages_in_flight < settings.router_batch_size:
        wrong.append("ROUTER_MESSAGES_IN_FLIGHT: must not be below ROUTER_BATCH_SIZE")
    return wrong
