import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sellers import START, Seller, new_seller, wake

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import InvoicePaid
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.subscription.handlers import HANDLERS
from corebilling.subscription.schemas import CancelOrder, PauseOrder, SubscriptionPatch
from parties import Parties

DAY = timedelta(days=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def both(parties: Parties) -> tuple[Seller, Seller]:
    return await new_seller(parties), await new_seller(parties)


def paid(seller: Seller, subscription_id: UUID, purpose: str = "opening") -> Envelope[InvoicePaid]:
    payload = InvoicePaid(new_id(), "INV-1", "EUR", 3000, START, subscription_id, purpose)
    return Envelope(new_id(), "invoice.paid", 1, seller.id, new_id(), 2, new_id(), None, None, START, payload)


async def pay(parties: Parties, *events: Envelope[InvoicePaid]) -> None:
    async with parties.db.tenants({event.tenant_id for event in events}) as tx:
        await HANDLERS[InvoicePaid](parties.subscriptions, tx, events)


async def test_fees_ahead_are_asked_for_when_billing_begins(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = await mine.subscribe("s-1")
    await mine.subscribe("s-2", "metered")
    (asked,) = await mine.events("subscription.invoice.requested")
    assert (asked.resource_id, asked.payload["purpose"], asked.payload["request_no"]) == (made.id, "opening", 1)
    later = await mine.subscribe("s-3", start_at=MAY)
    scheduled = (await mine.events("subscription.scheduled"))[-1]
    assert (scheduled.resource_id, scheduled.payload["wake_at"]) == (later.id, "2026-05-01T00:00:00Z")
    assert await other.events("subscription.scheduled") == []


async def test_a_trial_reminds_and_converts_for_every_tenant_of_a_batch(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    made = [await mine.subscribe("s-1", "trial", payment_method="card"), await other.subscribe("s-1", "trial")]
    for seller, subscription in zip(both, made, strict=True):
        assert (subscription.status, subscription.trial_end) == ("trialing", START + 14 * DAY)
        assert (await seller.events("subscription.scheduled"))[-1].payload["wake_at"] == "2026-04-12T00:00:00Z"
        assert await seller.events("subscription.invoice.requested") == []
    calls = [seller.due(each.id, START + 11 * DAY) for seller, each in zip(both, made, strict=True)]
    await wake(parties, calls)
    await wake(parties, calls)
    for seller, has_method in ((mine, True), (other, False)):
        (reminder,) = await seller.events("subscription.trial.ending")
        assert (reminder.payload["has_payment_method"], reminder.payload["then"]) == (has_method, "activate")
        assert reminder.causation_id in {call.id for call in calls}
        assert (await seller.events("subscription.scheduled"))[-1].payload["wake_at"] == "2026-04-15T00:00:00Z"
    calls = [seller.due(each.id, START + 14 * DAY) for seller, each in zip(both, made, strict=True)]
    await wake(parties, calls)
    await wake(parties, calls)
    for seller in both:
        assert (await seller.get("s-1")).status == "active"
        (asked,) = await seller.events("subscription.invoice.requested")
        assert asked.payload["at"] == "2026-04-15T00:00:00Z"


async def test_a_trial_without_payment_method_is_canceled_or_paused_as_agreed(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    made = [
        await mine.subscribe("s-1", "trial", missing_payment_method="cancel"),
        await other.subscribe("s-1", "trial", missing_payment_method="pause"),
    ]
    await wake(parties, [s.due(each.id, START + 14 * DAY) for s, each in zip(both, made, strict=True)])
    canceled, paused = await mine.get("s-1"), await other.get("s-1")
    assert (canceled.status, canceled.cancel_reason, canceled.cancel_at) == (
        "canceled", "missing_payment_method", START + 14 * DAY,
    )  # fmt: skip
    assert (await mine.contract(canceled.id)).phases == ()
    assert (paused.status, paused.pause and paused.pause.billing) == ("paused", "stop")
    await other.advance(START + 20 * DAY)
    assert (await other.do("resume", "s-1")).status == "active"
    assert [phase.items for phase in (await other.contract(paused.id)).phases] == [(), None]


async def test_a_payment_method_given_in_time_keeps_the_trial_alive(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    for seller in both:
        made = await seller.subscribe("s-1", "trial", missing_payment_method="cancel")
        patched = await seller.do("amend", "s-1", SubscriptionPatch(payment_method="card-4242"))
        assert patched.payment_method == "card-4242"
        await wake(parties, [seller.due(made.id, START + 14 * DAY)])
        assert (await seller.get("s-1")).status == "active"


async def test_a_first_payment_makes_it_active_and_its_absence_lets_it_expire(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    made = [await s.subscribe("s-1", payment_behavior="require_first_payment") for s in both]
    assert {each.status for each in made} == {"incomplete"}
    await pay(parties, paid(mine, made[1].id), paid(other, made[1].id, "period"))
    assert ((await mine.get("s-1")).status, (await other.get("s-1")).status) == ("incomplete", "incomplete")
    await pay(parties, paid(mine, made[0].id), paid(mine, made[0].id))
    assert (await mine.get("s-1")).status == "active"
    assert (await mine.events("subscription.scheduled"))[-1].payload["wake_at"] is None
    at = START + timedelta(hours=23)
    await wake(parties, [mine.due(made[0].id, at), other.due(made[1].id, at)])
    assert (await mine.get("s-1")).status == "active"
    expired = await other.get("s-1")
    assert (expired.status, expired.cancel_at, expired.current_period) == ("expired", expired.start_at, None)
    assert (await other.contract(expired.id)).phases == ()
    with pytest.raises(Conflict, match="expired already"):
        await other.do("cancel", "s-1", CancelOrder("now"))


async def test_a_cancellation_can_be_for_now_for_later_and_taken_back(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    made = await mine.subscribe("s-1")
    await other.subscribe("s-1")
    ordered = await mine.do("cancel", "s-1", CancelOrder("2026-04-20T00:00:00Z", reason="moving"))
    assert (ordered.status, ordered.cancel_at, ordered.cancel_reason) == ("active", START + 19 * DAY, "moving")
    assert (await mine.events("subscription.scheduled"))[-1].payload["ends_at"] == "2026-04-20T00:00:00Z"
    assert (await mine.do("uncancel", "s-1")).cancel_at is None
    assert (await mine.events("subscription.scheduled"))[-1].payload["ends_at"] is None
    with pytest.raises(Conflict):
        await mine.do("uncancel", "s-1")
    await mine.advance(START + 5 * DAY)
    gone = await mine.do("cancel", "s-1", CancelOrder("now", prorate=False))
    assert (gone.status, gone.cancel_at, gone.current_period) == ("canceled", START + 5 * DAY, None)
    (phase,) = (await mine.contract(made.id)).phases
    assert (phase.ends_at, phase.credit_unused) == (START + 5 * DAY, False)
    assert (await other.get("s-1")).cancel_at is None
    for nonsense in ("yesterday", "2026-04-20T00:00:00", "2020-01-01T00:00:00Z"):
        with pytest.raises(Invalid) as caught:
            await other.do("cancel", "s-1", CancelOrder(nonsense))
        assert caught.value.fields[0].pointer == "/at"


async def test_a_subscription_ends_when_it_is_woken_at_its_end(parties: Parties, both: tuple[Seller, Seller]) -> None:
    for seller in both:
        made = await seller.subscribe("s-1")
        await seller.do("cancel", "s-1", CancelOrder("period_end"))
        assert (await seller.events("subscription.scheduled"))[-1].payload["wake_at"] == "2026-05-01T00:00:00Z"
        await wake(parties, [seller.due(made.id, MAY - DAY)])
        assert (await seller.get("s-1")).status == "active"
        await wake(parties, [seller.due(made.id, MAY)])
        assert (await seller.get("s-1")).status == "canceled"
        (moved,) = await seller.events("subscription.status.changed")
        assert moved.payload["after"] == "canceled"


async def test_a_pause_rests_and_goes_on_by_itself(parties: Parties, both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = await mine.subscribe("s-1")
    await other.subscribe("s-1")
    await mine.advance(START + 5 * DAY)
    paused = await mine.do("pause", "s-1", PauseOrder("stop", resume_at=START + 10 * DAY))
    assert (paused.status, paused.pause.since, paused.pause.resume_at) == ("paused", START + 5 * DAY, START + 10 * DAY)
    assert [phase.items for phase in (await mine.contract(made.id)).phases] == [None, (), None]
    shown = await mine.do("phases", "s-1")
    assert [(phase.state, len(phase.items)) for phase in shown] == [("past", 1), ("paused", 0), ("scheduled", 1)]
    await wake(parties, [mine.due(made.id, START + 10 * DAY)])
    assert ((await mine.get("s-1")).status, (await mine.get("s-1")).pause) == ("active", None)
    assert (await other.get("s-1")).status == "active"


async def test_what_is_due_is_done_before_an_order_is_carried_out(both: tuple[Seller, Seller]) -> None:
    for seller in both:
        await seller.subscribe("s-1", "trial", payment_method="card")
        await seller.advance(START + 30 * DAY)
        paused = await seller.do("pause", "s-1", PauseOrder("stop"))
        assert (paused.status, paused.pause.since) == ("paused", START + 30 * DAY)
        moves = [e.payload["after"] for e in await seller.events("subscription.status.changed")]
        assert moves == ["active", "paused"]
        (asked,) = await seller.events("subscription.invoice.requested")
        assert asked.payload["at"] == "2026-04-15T00:00:00Z"


async def test_orders_at_the_same_time_wait_for_one_another(both: tuple[Seller, Seller]) -> None:
    mine, _ = both
    await mine.subscribe("s-1")
    orders = [mine.do("pause", "s-1", PauseOrder("stop")) for _ in range(4)]
    done = await asyncio.gather(*orders, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Conflict"] * 3 + ["SubscriptionOut"]
    assert (await mine.get("s-1")).status == "paused"


async def test_a_forged_tenant_in_a_call_changes_nothing(parties: Parties, both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = await mine.subscribe("s-1", "trial")
    await wake(parties, [other.due(made.id, START + 14 * DAY)])
    assert (await mine.get("s-1")).status == "trialing"
    for name, *arguments in (
        ("cancel", CancelOrder("now")), ("uncancel",), ("resume",), ("end_trial",), ("phases",), ("scheduled_changes",),
        ("pause", PauseOrder("stop")), ("amend", SubscriptionPatch()),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await other.do(name, str(made.id), *arguments)


async def test_an_external_id_can_be_given_later_if_it_is_free(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    await mine.subscribe("s-1")
    await mine.subscribe("s-2")
    await other.subscribe("s-3")
    with pytest.raises(Conflict, match="taken"):
        await mine.do("amend", "s-1", SubscriptionPatch(external_id="s-2"))
    assert (await mine.do("amend", "s-1", SubscriptionPatch(external_id="s-3"))).external_id == "s-3"
    with pytest.raises(NotFound):
        await mine.get("s-1")
