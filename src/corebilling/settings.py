"""The environment as one frozen struct, checked at start with one clear message. `.env.example` documents each name."""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

Role = Literal["api", "worker", "router", "migrate"]
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

    event_bus: Literal["nats"] = "nats"
    nats_url: str = "nats://127.0.0.1:4222"
    event_retention_days: Positive = 14

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
        """How long the bus keeps events."""
        return timedelta(days=self.event_retention_days)

    @property
    def listen_url(self) -> str:
        """Where LISTEN and the migration lock connect: past a transaction pooler, when there is one."""
        return self.database_direct_url or self.database_url


_ALIASES = {"otlp_endpoint": "otel_exporter_otlp_endpoint"}
_LISTS = {"worker_components", "enabled_migration_services", "encryption_keys"}


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


def _is_key(encoded: str) -> bool:
    try:
        return len(base64.b64decode(encoded, altchars=b"-_", validate=True)) == 32
    except binascii.Error:
        return False


def _contradictions(settings: Settings) -> list[str]:
    wrong = []
    if urlsplit(settings.database_url).scheme not in ("postgresql", "postgres"):
        wrong.append("DATABASE_URL: set it to a URL such as postgresql://corebilling@db/corebilling")
    if settings.role != "migrate" and not settings.encryption_keys and settings.environment == "production":
        wrong.append("ENCRYPTION_KEYS: set at least one key; `corebilling keys generate` makes one")
    if settings.ledger_signing_key and not _is_key(settings.ledger_signing_key):
        wrong.append("LEDGER_SIGNING_KEY: set it to 32 bytes in base64; `corebilling keys generate` makes them")
    if settings.object_store_url and urlsplit(settings.object_store_url).scheme not in ("file", "s3"):
        wrong.append("OBJECT_STORE_URL: set it to a URL such as s3://bucket/prefix or file:///var/lib/corebilling")
    if settings.tax_engine_url and urlsplit(settings.tax_engine_url).scheme not in ("http", "https"):
        wrong.append("TAX_ENGINE_URL: set it to a URL such as https://tax.example.com/quotes")
    if settings.webhook_max_delay_seconds < settings.webhook_base_delay_seconds:
        wrong.append("WEBHOOK_MAX_DELAY_SECONDS: must not be below WEBHOOK_BASE_DELAY_SECONDS")
    return wrong
