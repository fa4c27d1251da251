"""What may be replayed, and what a caller's subjects mean."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from corebilling.events.custom import CustomEvent
from corebilling.events.invoice import InvoiceGenerated, InvoicePaid
from corebilling.kernel.errors import Invalid
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.ordering import ordered, scope_of
from corebilling.platform.eventlog.schemas_replay import ReplayRequest
from corebilling.platform.eventlog.wanted import Wanted, wanted

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
REMEMBERED = timedelta(days=21)


async def handle(service: object, tx: Tx, events: Any) -> None:
    """What consumers do isn't asked here."""


async def forget(service: object, tx: Tx, tenant_id: UUID, since: datetime) -> int:
    return 0


CONSUMERS = {
    "payment": Consumer("payment", object(), {InvoiceGenerated: handle}),
    "webhook": Consumer("webhook", object(), {InvoiceGenerated: handle, CustomEvent: handle}),
    "view": Consumer("view", object(), {InvoicePaid: handle, InvoiceGenerated: handle}, forget),
}


def order(**said: Any) -> Any:
    request = ReplayRequest(**{"start": NOW - timedelta(days=1), "reason": "why not", **said})
    return ordered(request, "somebody", CONSUMERS, NOW, REMEMBERED)


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"end": NOW + timedelta(seconds=1)}, "/to"),
        ({"start": NOW + timedelta(days=1)}, "/from"),
        ({"start": NOW - timedelta(days=2), "end": NOW - timedelta(days=3)}, "/from"),
        ({"start": NOW - REMEMBERED - timedelta(seconds=1)}, "/from"),
        ({"consumer": "nobody"}, "/consumer"),
        ({"subjects": ["invoice.paid", "Not A Subject"]}, "/subjects/1"),
        ({"consumer": "payment", "subjects": ["customer.*"]}, "/subjects"),
        ({"rebuild": True}, "/consumer"),
        ({"rebuild": True, "consumer": "payment"}, "/consumer"),
        ({"rebuild": True, "consumer": "view", "subjects": ["invoice.paid"]}, "/subjects"),
        ({"rebuild": True, "consumer": "view", "resource_id": uuid4()}, "/resource_id"),
        ({"rebuild": True, "consumer": "view", "end": NOW}, "/to"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_what_cannot_be_replayed_is_refused_where_it_is_wrong(said: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        order(**said)
    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_without_an_end_a_replay_reaches_until_now() -> None:
    assert (order().end, order(rebuild=True, consumer="view").end) == (NOW, NOW)


def test_a_replay_for_a_consumer_means_what_that_handles() -> None:
    assert scope_of(order(consumer="view"), CONSUMERS).meant == Wanted(False, ["invoice.generated", "invoice.paid"])
    own = scope_of(order(consumer="webhook", subjects=["parcel.*", "invoice.*"]), CONSUMERS).meant
    assert own == Wanted(False, ["invoice.generated"], [], ["parcel."])
    assert scope_of(order(consumer="view", subjects=["parcel.*", "invoice.*"]), CONSUMERS).meant.own_prefixes == []


def test_subjects_mean_those_of_the_catalog_or_the_tenants_own() -> None:
    assert wanted([], "/{}") == wanted(["invoice.paid", "*"], "/{}") == Wanted(True)
    assert wanted(["dunning.*"], "/{}") == Wanted(False, ["dunning.ended", "dunning.started"])
    assert wanted(["parcel.sent", "parcel.*"], "/{}") == Wanted(False, [], ["parcel.sent"], ["parcel."])
    with pytest.raises(Invalid, match="belong to the product"):
        wanted(["invoice.lost"], "/{}")
