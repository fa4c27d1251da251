"""The audit trail: who acted on behalf of whom. Rows are added in the transaction of the act and never change."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.platform.queries import audit as queries
from corebilling.platform.queries.models import AuditEvent

PLATFORM_TENANT = UUID(int=0)
"""Stands for the platform as a whole where a row must name a tenant: the nil UUID, which no tenant has."""


class Act(msgspec.Struct, frozen=True):
    """What is recorded: `actor` is the credential's subject, `action` method and route, `resource` the path as called."""

    occurred_at: datetime
    actor: str
    action: str
    resource: str
    request_id: str


async def record(tx: Tx, act: Act, tenant_ids: Sequence[UUID]) -> None:
    """Record an act on each of the tenants, or, with none, on the platform."""
    about = sorted(set(tenant_ids)) or [PLATFORM_TENANT]
    await queries.record_audit_events(
        tx.conn,
        tenant_ids=about,
        ids=[new_id() for _ in about],
        occurred_at=act.occurred_at,
        actor=act.actor,
        action=act.action,
        resource=act.resource,
        request_id=act.request_id,
    )


async def trail(tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[AuditEvent]:
    """One tenant's trail, newest first, continuing after an id."""
    return await queries.list_audit_events(tx.conn, tenant_id=tenant_id, after=after, limit_=limit)
