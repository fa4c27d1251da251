"""Payloads that the tenant context publishes."""

from uuid import UUID

import msgspec


class TenantCreated(msgspec.Struct, frozen=True):
    """A tenant exists. `sandbox` tenants have a test clock."""

    tenant_id: UUID
    name: str
    region: str
    currency: str
    time_zone: str
    sandbox: bool


class TenantUpdated(msgspec.Struct, frozen=True):
    """A tenant's settings changed; the payload is the whole new state."""

    tenant_id: UUID
    name: str
    region: str
    currency: str
    time_zone: str
    status: str
