"""Webhook endpoints, and the deliveries that events become."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.webhook import WebhookTest
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.platform.outbound import addresses
from corebilling.platform.secrets import SecretBox
from corebilling.webhook import shapes
from corebilling.webhook.domain import signing, subjects
from corebilling.webhook.ports import Tenants
from corebilling.webhook.queries import deliveries, endpoints, models
from corebilling.webhook.schemas import (
    DeliveryDetail,
    DeliveryOut,
    EndpointCreate,
    EndpointOut,
    EndpointPatch,
    EndpointWithSecret,
    Message,
    RequestedTest,
)

CHANNEL = "webhook_deliveries"
"""NOTIFY on this channel tells delivery workers that deliveries are due."""

ROTATION_OVERLAP = timedelta(hours=24)
"""How long a replaced secret goes on signing beside its successor."""

ATTEMPTS_SHOWN = 100

MOST_ENDPOINTS = 50
"""Of one tenant, disabled ones included."""

_encode = msgspec.json.Encoder().encode


class WebhookService:
    """The webhook context as others see it. `allow_private_targets` is the setting; it concerns sandboxes alone."""

    def __init__(self, *, clock: Clock, tenants: Tenants, secret_box: SecretBox, allow_private_targets: bool) -> None:
        self._clock = clock
        self._tenants = tenants
        self._secret_box = secret_box
        self._allow_private_targets = allow_private_targets

    async def create_endpoint(self, tx: Tx, tenant_id: UUID, data: EndpointCreate) -> EndpointWithSecret:
        """A new endpoint with its secret. Raises `Invalid` for a bad URL or filter, `Conflict` if there are too many."""
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if profile is None:
            raise NotFound("there is no such tenant; check the credential", code="tenant_not_found")
        self._check_url(data.url, profile.sandbox)
        _check_subjects(data.subjects)
        if (await endpoints.count_endpoints(tx.conn, tenant_id=tenant_id) or 0) >= MOST_ENDPOINTS:
            raise Conflict(
                f"{MOST_ENDPOINTS} endpoints are the most there can be; delete one first",
                code="too_many_webhook_endpoints",
            )
        secret = signing.secret_text(secrets.token_bytes(signing.SECRET_BYTES))
        row = await endpoints.add_endpoint(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=new_id(),
            url=data.url,
            subjects=data.subjects,
            description=data.description,
            secret_sealed=self._secret_box.seal(secret),
            sandbox=profile.sandbox,
            at=self._clock(),
        )
        assert row is not None
        return shapes.endpoint_with_secret(row, secret)

    async def list_endpoints(self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[EndpointOut]:
        """Newest first."""
        rows = await endpoints.list_endpoints(tx.conn, tenant_id=tenant_id, before=after, page_size=limit)
        return [shapes.endpoint(row) for row in rows]

    async def get_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> EndpointOut:
        """One endpoint. Raises `NotFound`."""
        row = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id)
        return shapes.endpoint(_endpoint(row))

    async def update_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID, change: EndpointPatch) -> EndpointOut:
        """Change the fields given. Raises `NotFound`, and `Invalid` as creation does."""
        before = await self._locked(tx, tenant_id, endpoint_id)
        if change.url is not UNSET:
            self._check_url(change.url, before.sandbox)
        if change.subjects is not UNSET:
            _check_subjects(change.subjects)
        status = _or(change.status, before.status)
        stays = status == before.status
        row = await endpoints.change_endpoint(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            url=_or(change.url, before.url),
            subjects=_or(change.subjects, before.subjects),
            description=_or(change.description, before.description),
            status=status,
            disabled_reason=before.disabled_reason if stays else ("request" if status == "disabled" else None),
            at=self._clock(),
        )
        return shapes.endpoint(_endpoint(row))

    async def delete_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> None:
        """The endpoint goes; the log of its deliveries stays. Raises `NotFound`."""
        if not await endpoints.remove_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id):
            raise _no_endpoint()

    async def rotate_secret(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> EndpointWithSecret:
        """A new secret; the one before signs beside it for `ROTATION_OVERLAP`. Raises `NotFound`."""
        await self._locked(tx, tenant_id, endpoint_id)
        now = self._clock()
        secret = signing.secret_text(secrets.token_bytes(signing.SECRET_BYTES))
        row = await endpoints.rotate_secret(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            secret_sealed=self._secret_box.seal(secret),
            previous_until=now + ROTATION_OVERLAP,
            at=now,
        )
        return shapes.endpoint_with_secret(_endpoint(row), secret)

    async def test_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> RequestedTest:
        """Send a test event on its way through outbox and bus. Raises `NotFound`, and `Conflict` if disabled."""
        row = _endpoint(await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id))
        _require_active(row)
        payload = WebhookTest(endpoint_id, "a test event, asked for by hand")
        await emit(tx, [NewEvent(tenant_id, endpoint_id, row.seq, payload, self._clock())])
        return RequestedTest(endpoint_id=endpoint_id, subject="webhook.test")

    async def list_deliveries(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        endpoint_id: UUID | None = None,
        event_id: UUID | None = None,
        status: str | None = None,
    ) -> list[DeliveryOut]:
        """Newest first."""
        rows = await deliveries.list_deliveries(
            tx.conn,
            tenant_id=tenant_id,
            before=after,
            endpoint_id=endpoint_id,
            event_id=event_id,
            status=status,
            page_size=limit,
        )
        return [shapes.delivery(row) for row in rows]

    async def get_delivery(self, tx: Tx, tenant_id: UUID, delivery_id: UUID) -> DeliveryDetail:
        """One delivery with its attempts. Raises `NotFound`."""
        row = await deliveries.get_delivery(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id)
        if row is None:
            raise _no_delivery()
        attempts = await deliveries.list_attempts(
            tx.conn, tenant_id=tenant_id, delivery_id=delivery_id, page_size=ATTEMPTS_SHOWN
        )
        return shapes.delivery_detail(row, attempts)

    async def redeliver(self, tx: Tx, tenant_id: UUID, delivery_id: UUID) -> DeliveryOut:
        """Send it again at once, under the same event id. Raises `NotFound`, and `Conflict` if its endpoint is off."""
        known = await deliveries.get_delivery(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id)
        if known is None:
            raise _no_delivery()
        endpoint = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=known.endpoint_id)
        if endpoint is None:
            raise Conflict("its endpoint was deleted; nothing can be delivered there", code="endpoint_deleted")
        _require_active(endpoint)
        row = await deliveries.redeliver(tx.conn, tenant_id=tenant_id, delivery_id=delivery_id, at=self._clock())
        if row is None:
            raise _no_delivery()
        tx.wake(CHANNEL)
        return shapes.delivery(row)

    async def fan_out(self, tx: Tx, events: Sequence[Envelope[Any]]) -> None:
        """A delivery of each event to every active endpoint that asked for it: two statements, one where nobody did."""
        listening = await endpoints.active_endpoints(tx.conn, tenant_ids=list({event.tenant_id for event in events}))
        by_tenant: dict[UUID, list[endpoints.ActiveEndpointsRow]] = defaultdict(list)
        for row in listening:
            by_tenant[row.tenant_id].append(row)
        await self._add(
            tx,
            [
                (event, endpoint.endpoint_id)
                for event in events
                for endpoint in by_tenant.get(event.tenant_id, ())
                if subjects.matches(endpoint.subjects, event.subject)
            ],
        )

    async def deliver_tests(self, tx: Tx, events: Sequence[Envelope[WebhookTest]]) -> None:
        """A delivery of each test event to the endpoint it was asked for; one deleted meanwhile is given up by the worker."""
        await self._add(tx, [(event, event.payload.endpoint_id) for event in events])

    async def _add(self, tx: Tx, wanted: Sequence[tuple[Envelope[Any], UUID]]) -> None:
        if not wanted:
            return
        messages = list({event.id: event for event, _ in wanted}.values())
        await deliveries.add_deliveries(
            tx.conn,
            at=self._clock(),
            message_tenant_ids=[event.tenant_id for event in messages],
            message_event_ids=[event.id for event in messages],
            message_subjects=[event.subject for event in messages],
            bodies=[_body(event) for event in messages],
            traceparents=[event.traceparent for event in messages],
            tenant_ids=[event.tenant_id for event, _ in wanted],
            delivery_ids=[new_id() for _ in wanted],
            endpoint_ids=[endpoint_id for _, endpoint_id in wanted],
            event_ids=[event.id for event, _ in wanted],
            subjects=[event.subject for event, _ in wanted],
        )
        tx.wake(CHANNEL)

    async def _locked(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> models.WebhookEndpoint:
        return _endpoint(await endpoints.lock_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id))

    def _check_url(self, url: str, sandbox: bool) -> None:
        why = addresses.url_refusal(url, allow_private=self._allow_private_targets and sandbox)
        if why is not None:
            raise invalid_field("/url", why, code="invalid_target")


T = TypeVar("T")


def _or(given: T | UnsetType, present: T) -> T:
    return present if isinstance(given, UnsetType) else given


def _body(event: Envelope[Any]) -> str:
    return _encode(Message(event.subject, event.occurred_at, event.id, event.payload)).decode()


def _check_subjects(wanted: Sequence[str]) -> None:
    for position, subject in enumerate(wanted):
        if not subjects.takes_something(subject):
            known = ", ".join(sorted(subjects.PUBLIC_SUBJECTS))
            raise invalid_field(f"/subjects/{position}", f"takes no event; choose from *, a word and .*, or: {known}")


def _endpoint(row: models.WebhookEndpoint | None) -> models.WebhookEndpoint:
    if row is None:
        raise _no_endpoint()
    return row


def _require_active(row: models.WebhookEndpoint) -> None:
    if row.status != "active":
        raise Conflict("the endpoint is disabled; set its status to active first", code="endpoint_disabled")


def _no_endpoint() -> NotFound:
    return NotFound("there is no such webhook endpoint; list them to see their ids", code="webhook_endpoint_not_found")


def _no_delivery() -> NotFound:
    return NotFound("there is no such delivery; list them to see their ids", code="webhook_delivery_not_found")
