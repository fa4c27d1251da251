"""Subscriptions whose invoices are dunned, as the payment context tells of it."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sellers import START, Seller, new_seller

from corebilling.events.envelope import Envelope
from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.kernel.ids import new_id
from corebilling.subscription.handlers import HANDLERS
from corebilling.subscription.schemas import PauseOrder
from parties import Parties

LATER = datetime(2026, 4, 11, 9, 30, tzinfo=UTC)
INVOICE, OTHER_INVOICE = new_id(), new_id()

Told = Envelope[Any]


@pytest.fixture
async def both(parties: Parties) -> tuple[Seller, Seller]:
    return await new_seller(parties), await new_seller(parties)


def _told(seller: Seller, subject: str, seq: int, invoice_id: UUID, payload: msgspec.Struct) -> Told:
    return Envelope(new_id(), subject, 1, seller.id, invoice_id, seq, new_id(), None, None, START, payload)


def started(seller: Seller, *subscriptions: UUID, seq: int = 2, invoice: UUID = INVOICE) -> Told:
    payload = DunningStarted(invoice, "INV-1", new_id(), subscriptions, 3000, "EUR", None, START)
    return _told(seller, "dunning.started", seq, invoice, payload)


def ended(
    seller: Seller,
    *subscriptions: UUID,
    outcome: str,
    finally_do: str = "cancel",
    seq: int = 3,
    invoice: UUID = INVOICE,
) -> Told:
    payload = DunningEnded(invoice, "INV-1", new_id(), subscriptions, outcome, finally_do, LATER)
    return _told(seller, "dunning.ended", seq, invoice, payload)


async def tell(parties: Parties, *events: Told) -> None:
    """Hand events to their handlers one by one, as a router would that got them so."""
    for event in events:
        async with parties.db.tenants([event.tenant_id]) as tx:
            await HANDLERS[type(event.payload)](parties.subscriptions, tx, [event])


async def test_an_unpaid_invoice_makes_its_subscriptions_past_due_until_it_is_paid(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    one, two, apart = await mine.subscribe("s-1"), await mine.subscribe("s-2"), await mine.subscribe("s-3")
    foreign = await other.subscribe("s-1")
    await tell(parties, started(mine, one.id, two.id, foreign.id))
    assert [(await mine.get(ref)).status for ref in ("s-1", "s-2", "s-3")] == ["past_due", "past_due", "active"]
    assert (await other.get("s-1")).status == "active", "an event names only what is its tenant's"
    await tell(parties, ended(mine, one.id, two.id, outcome="paid"))
    assert [(await mine.get(ref)).status for ref in ("s-1", "s-2", "s-3")] == ["active", "active", "active"]
    moves = [
        (event.payload["before"], event.payload["after"])
        for event in await mine.events("subscription.status.changed")
        if event.resource_id == one.id
    ]
    assert moves == [("active", "past_due"), ("past_due", "active")]
    assert apart.status == "active"


async def test_it_stays_past_due_while_any_invoice_is_owed(parties: Parties, both: tuple[Seller, Seller]) -> None:
    mine, _ = both
    made = await mine.subscribe("s-1")
    await tell(parties, started(mine, made.id), started(mine, made.id, invoice=OTHER_INVOICE))
    await tell(parties, ended(mine, made.id, outcome="stopped"))
    assert (await mine.get("s-1")).status == "past_due"
    await tell(parties, ended(mine, made.id, outcome="paid", invoice=OTHER_INVOICE))
    assert (await mine.get("s-1")).status == "active"


@pytest.mark.parametrize("finally_do", ["cancel", "cancel_and_uncollectible"])
async def test_at_the_end_of_dunning_it_is_canceled_now_and_nothing_goes_back(
    parties: Parties, both: tuple[Seller, Seller], finally_do: str
) -> None:
    mine, _ = both
    made = await mine.subscribe("s-1")
    await mine.advance(LATER)
    await tell(parties, started(mine, made.id), ended(mine, made.id, outcome="exhausted", finally_do=finally_do))
    shown = await mine.get("s-1")
    assert (shown.status, shown.cancel_at, shown.cancel_reason) == ("canceled", LATER, "unpaid")
    contract = await mine.contract(made.id)
    assert (contract.ends_at, contract.phases[-1].credit_unused) == (LATER, False)
    (canceled,) = await mine.events("subscription.canceled")
    assert canceled.payload["ends_at"] == "2026-04-11T09:30:00Z"
    await tell(parties, ended(mine, made.id, outcome="paid", seq=4))
    assert (await mine.get("s-1")).status == "canceled", "canceled is final"


@pytest.mark.parametrize("finally_do", ["none", "uncollectible"])
async def test_without_a_last_measure_it_stays_past_due_until_it_is_paid_after_all(
    parties: Parties, both: tuple[Seller, Seller], finally_do: str
) -> None:
    mine, _ = both
    made = await mine.subscribe("s-1")
    await tell(parties, started(mine, made.id), ended(mine, made.id, outcome="exhausted", finally_do=finally_do))
    assert (await mine.get("s-1")).status == "past_due"
    await tell(parties, ended(mine, made.id, outcome="paid", seq=4))
    assert (await mine.get("s-1")).status == "active"


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_order_of_arrival_does_not_count(
    parties: Parties, both: tuple[Seller, Seller], order: tuple[int, ...]
) -> None:
    mine, _ = both
    made = await mine.subscribe("s-1")
    story = [
        started(mine, made.id, seq=2),
        ended(mine, made.id, outcome="paid", seq=3),
        started(mine, made.id, seq=4),
        ended(mine, made.id, outcome="exhausted", finally_do="none", seq=5),
    ]
    await tell(parties, *(story[n] for n in order))
    await tell(parties, *story)
    assert (await mine.get("s-1")).status == "past_due"


async def test_a_batch_takes_the_last_word_of_each_invoice(parties: Parties, both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made, foreign = await mine.subscribe("s-1"), await other.subscribe("s-1")
    events = [
        started(mine, made.id, seq=4), started(mine, made.id, seq=2), started(other, foreign.id),
        started(mine), started(mine, new_id()),
    ]  # fmt: skip
    async with parties.db.tenants([mine.id, other.id]) as tx:
        await HANDLERS[DunningStarted](parties.subscriptions, tx, events)
    await tell(parties, ended(mine, made.id, outcome="paid", seq=3))
    assert [(await seller.get("s-1")).status for seller in both] == ["past_due", "past_due"]


async def test_what_is_resumed_while_it_owes_is_past_due(parties: Parties, both: tuple[Seller, Seller]) -> None:
    mine, _ = both
    made = await mine.subscribe("s-1")
    await mine.do("pause", "s-1", PauseOrder("stop"))
    await tell(parties, started(mine, made.id))
    assert (await mine.get("s-1")).status == "paused"
    await mine.advance(START + timedelta(days=3))
    assert (await mine.do("resume", "s-1")).status == "past_due"
    await tell(parties, ended(mine, made.id, outcome="paid"))
    assert (await mine.get("s-1")).status == "active"
