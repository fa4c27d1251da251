"""Events as CloudEvents, and what is refused on the way in."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from corebilling.events.envelope import NewEvent
from corebilling.events.tenant import TenantUpdated
from corebilling.kernel.errors import Invalid
from corebilling.platform.bus import wire
from corebilling.platform.bus.outbox import SHARDS, refuse_foreign_tenant, shard_of
from corebilling.platform.queries.outbox import ClaimEventsRow


def updated(tenant_id: UUID) -> TenantUpdated:
    return TenantUpdated(tenant_id, "Acme", "eu", "EUR", "Europe/Berlin", "active")


def row(tenant_id: UUID, payload: Any, subject: str = "tenant.updated") -> ClaimEventsRow:
    return ClaimEventsRow(
        event_id=uuid4(), tenant_id=tenant_id, shard=0, subject=subject, version=1, resource_id=tenant_id,
        resource_seq=3, correlation_id=uuid4(), causation_id=None, traceparent=None,
        occurred_at=datetime(2026, 1, 31, tzinfo=UTC), payload=msgspec.json.encode(payload).decode(), retry_count=0,
        republished=0, replay_for=None,
    )  # fmt: skip


def test_a_row_goes_out_as_a_cloud_event_and_comes_back_as_its_envelope() -> None:
    tenant = uuid4()
    sent = row(tenant, updated(tenant))
    message = wire.encode(sent)
    outer = msgspec.json.decode(message.body)
    assert (outer["specversion"], outer["type"], outer["source"]) == ("1.0", "tenant.updated", "/corebilling/tenant")
    assert all(name.isalnum() and name == name.lower() for name in outer)
    envelope = wire.decode_payload(wire.decode_event(message.body))
    assert envelope.payload == updated(tenant)
    assert (envelope.id, envelope.resource_seq, envelope.occurred_at) == (sent.event_id, 3, sent.occurred_at)


def test_a_deliberate_repetition_has_an_id_of_its_own() -> None:
    tenant = uuid4()
    sent = row(tenant, updated(tenant))
    assert wire.encode(sent).id == str(sent.event_id)
    assert wire.encode_again(sent, 2).id == f"{sent.event_id}:2"


def test_a_replayed_row_names_its_consumer_and_what_the_sweep_repeats_is_for_everybody() -> None:
    tenant = uuid4()
    replayed = msgspec.structs.replace(row(tenant, updated(tenant)), republished=3, replay_for="entitlements")
    message = wire.encode(replayed)
    assert message.id == f"{replayed.event_id}:3"
    assert wire.decode_event(message.body).replayfor == "entitlements"
    assert wire.decode_event(wire.encode_again(replayed, 4).body).replayfor is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"id": 1}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(wire.Undecodable):
        wire.decode_event(body)


def test_an_unknown_subject_is_refused_with_advice() -> None:
    tenant = uuid4()
    message = wire.encode(row(tenant, updated(tenant), subject="tenant.renamed.v2"))
    with pytest.raises(wire.Undecodable, match="deploy the release"):
        wire.decode_payload(wire.decode_event(message.body))


def test_a_version_above_the_catalogs_is_refused_with_advice() -> None:
    tenant = uuid4()
    newer = wire.encode(msgspec.structs.replace(row(tenant, updated(tenant)), version=2))
    with pytest.raises(wire.Undecodable, match="unknown version 2"):
        wire.decode_payload(wire.decode_event(newer.body))


def test_a_payload_that_names_another_tenant_is_refused_in_and_out() -> None:
    tenant, other = uuid4(), uuid4()
    message = wire.encode(row(tenant, updated(other)))
    with pytest.raises(wire.Undecodable, match="another tenant"):
        wire.decode_payload(wire.decode_event(message.body))
    forged = NewEvent(tenant, tenant, 1, updated(other), datetime(2026, 1, 31, tzinfo=UTC))
    with pytest.raises(Invalid, match="another tenant"):
        refuse_foreign_tenant(forged.payload, forged.tenant_id)


def test_a_resource_keeps_its_shard() -> None:
    assert shard_of(UUID("01990000-0000-7000-8000-000000000001")) == 11
    assert {shard_of(uuid4()) for _ in range(2000)} == set(range(SHARDS))
