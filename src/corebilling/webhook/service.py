"""Webhook endpoints, and the deliveries that events become."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from corebilling.events.custom import CustomEvent
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.webhook import WebhookTest
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.platform.secrets import SecretBox
from corebilling.webhook import sealed, shapes
from corebilling.webhook.domain import custom_headers, subjects
from corebilling.webhook.endpoint_rules import check_subjects, check_url, existing, no_endpoint, require_active
from corebilling.webhook.ports import Tenants
from corebilling.webhook.queries import deliveries, endpoints, models
from corebilling.webhook.schemas import (
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
"""How long replaced keys go on signing beside their successors."""

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
        """A new endpoint with its secret. Raises `Invalid` for a bad field, `Conflict` if there are too many endpoints."""
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if profile is None:
            raise NotFound("there is no such tenant; check the credential", code="tenant_not_found")
        self._check_url(data.url, profile.sandbox)
        check_subjects(data.subjects)
        await endpoints.lock_endpoints(tx.conn, tenant_id=str(tenant_id))
        if (await endpoints.count_endpoints(tx.conn, tenant_id=tenant_id) or 0) >= MOST_ENDPOINTS:
            raise Conflict(
                f"{MOST_ENDPOINTS} endpoints are the most there can be; delete one first",
                code="too_many_webhook_endpoints",
            )
        secret, box = sealed.new_secret(), self._secret_box
        row = await endpoints.add_endpoint(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=new_id(),
            url=data.url,
            subjects=data.subjects,
            description=data.description,
            headers_sealed=sealed.sealed_headers(data.headers, box),
            rate_limit=data.rate_limit,
            max_concurrency=data.max_concurrency,
            retry_schedule=data.retry_schedule,
            signature=data.signature,
            secret_sealed=box.seal(secret),
            ed25519_sealed=None if data.signature == "hmac" else box.seal(sealed.new_private_key()),
            sandbox=profile.sandbox,
            at=self._clock(),
        )
        return shapes.endpoint_with_secret(existing(row), box, secret)

    async def list_endpoints(self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[EndpointOut]:
        """Newest first."""
        rows = await endpoints.list_endpoints(tx.conn, tenant_id=tenant_id, before=after, page_size=limit)
        return [shapes.endpoint(row, self._secret_box) for row in rows]

    async def get_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> EndpointOut:
        """One endpoint. Raises `NotFound`."""
        row = await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id)
        return shapes.endpoint(existing(row), self._secret_box)

    async def update_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID, change: EndpointPatch) -> EndpointOut:
        """Change the fields given. Raises `NotFound`, and `Invalid` as creation does."""
        before, box = await self._locked(tx, tenant_id, endpoint_id), self._secret_box
        if change.url is not UNSET:
            self._check_url(change.url, before.sandbox)
        if change.subjects is not UNSET:
            check_subjects(change.subjects)
        status, signature = _or(change.status, before.status), _or(change.signature, before.signature)
        stays = status == before.status
        headers_sealed, ed25519_sealed = before.headers_sealed, before.ed25519_sealed
        if change.headers is not UNSET:
            wanted = custom_headers.changed(sealed.headers(before, box), change.headers)
            headers_sealed = sealed.sealed_headers(wanted, box)
        if signature != "hmac" and ed25519_sealed is None:
            ed25519_sealed = box.seal(sealed.new_private_key())
        row = await endpoints.change_endpoint(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            url=_or(change.url, before.url),
            subjects=_or(change.subjects, before.subjects),
            description=_or(change.description, before.description),
            status=status,
            disabled_reason=before.disabled_reason if stays else ("request" if status == "disabled" else None),
            headers_sealed=headers_sealed,
            rate_limit=_or(change.rate_limit, before.rate_limit),
            max_concurrency=_or(change.max_concurrency, before.max_concurrency),
            retry_schedule=_or(change.retry_schedule, before.retry_schedule),
            signature=signature,
            ed25519_sealed=ed25519_sealed,
            at=self._clock(),
        )
        return shapes.endpoint(existing(row), box)

    async def delete_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> None:
        """The endpoint goes; the log of its deliveries stays. Raises `NotFound`."""
        if not await endpoints.remove_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id):
            raise no_endpoint()

    async def rotate_secret(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> EndpointWithSecret:
        """New keys; those before sign beside them for `ROTATION_OVERLAP`. Raises `NotFound`."""
        before, box = await self._locked(tx, tenant_id, endpoint_id), self._secret_box
        now, secret = self._clock(), sealed.new_secret()
        row = await endpoints.rotate_secret(
            tx.conn,
            tenant_id=tenant_id,
            endpoint_id=endpoint_id,
            secret_sealed=box.seal(secret),
            ed25519_sealed=None if before.ed25519_sealed is None else box.seal(sealed.new_private_key()),
            previous_until=now + ROTATION_OVERLAP,
            at=now,
        )
        return shapes.endpoint_with_secret(existing(row), box, secret)

    async def test_endpoint(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> RequestedTest:
        """Send a test event on its way through outbox and bus. Raises `NotFound`, and `Conflict` if disabled."""
        row = existing(await endpoints.get_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id))
        require_active(row)
        payload = WebhookTest(endpoint_id, "a test event, asked for by hand")
        await emit(tx, [NewEvent(tenant_id, endpoint_id, row.seq, payload, self._clock())])
        return RequestedTest(endpoint_id=endpoint_id, subject="webhook.test")

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
                if subjects.matches(endpoint.subjects, _subject(event))
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
            message_subjects=[_subject(event) for event in messages],
            bodies=[_body(event) for event in messages],
            traceparents=[event.traceparent for event in messages],
            tenant_ids=[event.tenant_id for event, _ in wanted],
            delivery_ids=[new_id() for _ in wanted],
            endpoint_ids=[endpoint_id for _, endpoint_id in wanted],
            event_ids=[event.id for event, _ in wanted],
            subjects=[_subject(event) for event, _ in wanted],
        )
        tx.wake(CHANNEL)

    async def _locked(self, tx: Tx, tenant_id: UUID, endpoint_id: UUID) -> models.WebhookEndpoint:
        return existing(await endpoints.lock_endpoint(tx.conn, tenant_id=tenant_id, endpoint_id=endpoint_id))

    def _check_url(self, url: str, sandbox: bool) -> None:
        check_url(url, allow_private=self._allow_private_targets and sandbox)


T = TypeVar("T")


def _or(given: T | UnsetType, present: T) -> T:
    return present if isinstance(given, UnsetType) else given


def _subject(event: Envelope[Any]) -> str:
    """What receivers know the event by: a tenant's own event by the tenant's own words."""
    return event.payload.subject if isinstance(event.payload, CustomEvent) else event.subject


def _body(event: Envelope[Any]) -> str:
    data = event.payload.data if isinstance(event.payload, CustomEvent) else event.payload
    return _encode(Message(_subject(event), event.occurred_at, event.id, data)).decode()
