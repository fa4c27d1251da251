"""What a tenant sees of its deliveries, and their being sent again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import first_id_at
from corebilling.platform.db import Tx
from corebilling.platform.secrets import SecretBox
from corebilling.webhook import sealed, shapes
from corebilling.webhook.domain.states import DeliveryStatus
from corebilling.webhook.endpoint_rules import existing, require_active
from corebilling.webhook.queries import endpoints, log
from corebilling.webhook.schemas_log import DeliveryDetail, DeliveryOut, Redelivered, RedeliverFailed, RedeliverMatching
from corebilling.webhook.service import CHANNEL

ATTEMPTS_SHOWN = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_ID = UUID(int=(1 << 128) - 1)


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed down to; everything given must fit. `since` and `before` are about when a delivery began."""

    endpoint_id: UUID | None = None
    event_id: UUID | None = None
    status: str | None = None
    subject: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class DeliveryLog:
    """Deliveries of the tenants with their attempts."""

    def __init__(self, *, clock: Clock, secret_box: SecretBox) -> None:
        self._clock = clock
        self._secret_box = secret_box

    async def find(
        self, tx: Tx, tenant_id: UUID, wanted: DeliveryFilter, *, after: UUID | None, limit: int
    ) -> list[DeliveryOut]:
        """Newest first."""
        exact, below = _subject(wanted.subject)
        first, end = _ids(wanted.since, wanted.before)
        rows = await log.list_deliveries(
            tx.conn,
            tenant_id=tenant_id,
            from_id=first,
            before_id=min(end, after or end),
            endpoint_id=wanted.endpoint_id,
            event_id=wanted.event_id,
            status=wanted.status,
            subject=exact,
            below=below,
            page_size=limit,
        )
        return [shapes.delivery(row) for row in rows]

    async def get(self, tx: Tx, tenant_id: UUID, delivery_id: UUID) -> DeliveryDetail:
        """One delivery with its attempts. Raises `NotFound`."""
        row = await log.get_delivery(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id)
        if row is None:
            raise _no_delivery()
        attempts = await log.list_attempts(
            tx.conn, tenant_id=tenant_id, delivery_id=delivery_id, page_size=ATTEMPTS_SHOWN
        )
        endpoint = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=row.endpoint_id)
        names = sealed.header_names(endpoint, self._secret_box) if endpoint is not None else None
        return shapes.delivery_detail(row, attempts, names or [])

    async def redeliver(self, tx: Tx, tenant_id: UUID, delivery_id: UUID) -> DeliveryOut:
        """Send it again at once, under the same event id. Raises `NotFound`, and `Conflict` if its endpoint is off."""
        known = await log.get_delivery(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id)
        if known is None:
            raise _no_delivery()
        endpoint = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=known.endpoint_id)
        if endpoint is None:
            raise Conflict("its endpoint was deleted; nothing can be delivered there", code="endpoint_deleted")
        require_active(endpoint)
        row = await log.redeliver(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id, at=self._clock())
        if row is None:
            raise _no_delivery()
        tx.wake(CHANNEL)
        return shapes.delivery(row)

    async def redeliver_failed(
        self, tx: Tx, tenant_id: UUID, endpoint_id: UUID, wanted: RedeliverFailed
    ) -> Redelivered:
        """Send again what failed: dead letters, and those that wait for a retry. Raises `NotFound` and `Conflict`."""
        return await self._again(
            tx, tenant_id, ["dead_letter", "pending"], endpoint_id, None, wanted.since, wanted.until, wanted.limit
        )

    async def redeliver_matching(self, tx: Tx, tenant_id: UUID, wanted: RedeliverMatching) -> Redelivered:
        """Send again all that fit and whose endpoints are active, the oldest first, up to the limit.

        Raises `NotFound` and `Conflict` where an endpoint is named that isn't there or is off, and `Invalid` where delivered
        ones are asked for without saying since when.
        """
        if wanted.status == "delivered" and wanted.since is None:
            raise invalid_field("/since", "say since when; all that was ever delivered is too much to send again")
        return await self._again(
            tx, tenant_id, [wanted.status], wanted.endpoint_id, wanted.subject, wanted.since, wanted.until, wanted.limit
        )

    async def _again(
        self,
        tx: Tx,
        tenant_id: UUID,
        statuses: Sequence[DeliveryStatus],
        endpoint_id: UUID | None,
        subject: str | None,
        since: datetime | None,
        until: datetime | None,
        most: int,
    ) -> Redelivered:
        if endpoint_id is not None:
            named = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id)
            require_active(existing(named))
        exact, below = _subject(subject)
        first, end = _ids(since, until)
        rows = await log.redeliver_matching(
            tx.conn,
            tenant_id=tenant_id,
            at=self._clock(),
            statuses=list(statuses),
            from_id=first,
            before_id=end,
            endpoint_id=endpoint_id,
            subject=exact,
            below=below,
            most=most,
        )
        if rows:
            tx.wake(CHANNEL)
        return Redelivered(redelivered=len(rows), more=len(rows) == most)


def _subject(wanted: str | None) -> tuple[str | None, str | None]:
    """A filter as the exact subject or as what the subject begins with."""
    if wanted is None or wanted == "*":
        return None, None
    return (None, wanted[:-1]) if wanted.endswith(".*") else (wanted, None)


def _ids(since: datetime | None, before: datetime | None) -> tuple[UUID, UUID]:
    """The first id of an interval, and the first one after it."""
    first = UUID(int=0) if since is None else first_id_at(max(since, _EPOCH))
    return first, _LAST_ID if before is None else first_id_at(max(before, _EPOCH))


def _no_delivery() -> NotFound:
    return NotFound("there is no such delivery; list them to see their ids", code="webhook_delivery_not_found")
