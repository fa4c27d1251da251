"""Parts that are made from the settings."""

from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from corebilling.ledger.domain.seal import SigningKey
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.platform.db import Database
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.platform.storage import ObjectStore
from corebilling.settings import Settings
from corebilling.webhook.config import DeliveryConfig

_REQUEST_SECONDS = 30
"""Whoever waits longer for an answer over HTTP has mostly gone away."""


def make_database(settings: Settings) -> Database:
    """Pools to the one database, for each of its roles."""
    return Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        listen_url=settings.listen_url,
        application_name=f"corebilling-{settings.role}",
        statement_seconds=_REQUEST_SECONDS if settings.role == "api" else 0,
    )


def make_secret_box(settings: Settings) -> SecretBox:
    """What seals secrets at rest."""
    # Without keys (development only, see settings) secrets live as long as the process: good for commands, not for roles.
    return SecretBox(settings.encryption_keys or [generate_key()])


def make_object_store(settings: Settings) -> ObjectStore | None:
    """Where files are kept; None: they are made each time they are asked for."""
    if not settings.object_store_url:
        return None
    return ObjectStore(
        settings.object_store_url,
        region=settings.object_store_region,
        endpoint=settings.object_store_endpoint,
        access_key_id=settings.object_store_access_key_id,
        secret_access_key=settings.object_store_secret_access_key,
    )


def make_delivery_config(settings: Settings) -> DeliveryConfig:
    """How webhooks are delivered."""
    return DeliveryConfig(
        claim_limit=settings.webhook_worker_limit,
        poll_seconds=settings.webhook_worker_interval_seconds,
        timeout_seconds=settings.webhook_http_timeout_seconds,
        base_delay_seconds=settings.webhook_base_delay_seconds,
        max_delay_seconds=settings.webhook_max_delay_seconds,
        max_retries=settings.webhook_max_retries,
        retry_schedule=settings.retry_schedule,
        give_up_after=timedelta(hours=settings.webhook_disable_after_hours),
        retention_days=settings.webhook_retention_days,
        allow_private_targets=settings.webhook_allow_private_targets,
    )


def make_signing_key(settings: Settings) -> SigningKey | None:
    """The key that signs sealed journals; None: they are chained and not signed."""
    return SigningKey(settings.ledger_signing_key) if settings.ledger_signing_key else None


def make_known_keys(key: SigningKey | None) -> list[Ed25519PublicKey]:
    """The keys that signatures of seals are checked with."""
    return [key.public] if key else []


def make_gateway_config(settings: Settings) -> GatewayConfig:
    """How payment gateways are called."""
    return GatewayConfig(
        timeout_seconds=settings.gateway_http_timeout_seconds,
        certain_seconds=settings.gateway_certain_seconds,
        allow_private_targets=settings.gateway_allow_private_targets,
    )
