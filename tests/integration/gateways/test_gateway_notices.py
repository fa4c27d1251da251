"""Notices: stored before anything else, worked out in any order, and believed only when they are genuine and about this account."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from conftest import NewShop, Shop, Working
from corebilling.cli.client import until
from corebilling.container import Container
from corebilling.payment.domain.signature import sign
from corebilling.payment.gateways.keeping import NoticeKeeping
from factories import PATIENCE_SECONDS
from gateways import NOTICE_SECRET, FakeGateway, UnrulyGateway


async def worked_out(shop: Shop, count: int) -> dict[str, str]:
    """What became of the notices, by the gateway's id of them, once none is pending."""
    found: dict[str, str] = {}

    async def done() -> bool:
        found.update({notice["gateway_notice_id"]: notice["status"] for notice in await shop.notices()})
        return len(found) >= count and "pending" not in found.values()

    await until(done, seconds=PATIENCE_SECONDS, what="the notices to be worked out", every_seconds=0.02)
    return found


async def test_a_notice_pays_the_invoice_while_the_gateway_answers_nothing_else(
    new_shop: NewShop, working: Working
) -> None:
    async with UnrulyGateway() as gateway, working(certain_seconds=3600.0):
        shop = await new_shop(gateway)
        gateway.will("charge", "time out after")
        invoice, payment = await shop.asked("acme")
        await gateway.until_hanging()
        await gateway.stop()
        assert await gateway.deliver() == [200]
        await shop.status(payment, "succeeded")
        assert await shop.paid(invoice)
    assert gateway.took.charges == {payment: [1200]}


async def test_a_notice_is_stored_and_answered_though_no_worker_runs(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme", "tok_slow")
        async with working():
            await shop.status(payment, "processing")
        gateway.complete(payment)
        assert set(await gateway.deliver()) == {200}
        assert {notice["status"] for notice in await shop.notices()} == {"pending"}
        await gateway.stop()
        async with working():
            await shop.status(payment, "succeeded")
    assert await shop.paid(invoice)


async def test_repeated_notices_in_any_order_come_to_the_same(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway(seed=3) as gateway, working():
        shop = await new_shop(gateway)
        asked = [await shop.asked(f"slow-{number}", "tok_slow") for number in range(6)]
        for _, payment in asked:
            await shop.status(payment, "processing")
        for _, payment in asked:
            gateway.complete(payment)
        assert set(await gateway.sends_notices_badly(copies=3)) == {200}
        for invoice, payment in asked:
            await shop.status(payment, "succeeded")
            assert await shop.paid(invoice)
        assert set((await worked_out(shop, 12)).values()) == {"processed"}
        assert len(await shop.notices()) == 12
    assert gateway.took.twice == []


async def test_a_failure_told_after_the_success_changes_nothing(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme")
        paid = await shop.status(payment, "succeeded")
        [intent] = gateway.intents.values()
        late = {**intent, "status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}}
        gateway._tell("payment_intent.payment_failed", late)
        assert set(await gateway.deliver()) == {200}
        await worked_out(shop, 2)
        assert await shop.payment(payment) == paid
        assert await shop.paid(invoice)


async def test_a_chargeback_takes_the_money_back_and_a_won_one_returns_it(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
        await gateway.deliver(gateway.dispute(payment))
        await shop.status(payment, "disputed")
        assert not await shop.paid(invoice)
        await gateway.deliver(gateway.dispute(payment, "won"))
        await shop.status(payment, "succeeded")
        assert await shop.paid(invoice)


@pytest.mark.parametrize("what", ["secret", "body", "old", "future", "nothing"])
async def test_forged_and_replayed_notices_are_refused_and_not_kept(what: str, new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        body, now = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {}}}', datetime.now(UTC)
        signature = {
            "secret": sign("whsec_guessed", body, now),
            "body": sign(NOTICE_SECRET, body + b" ", now),
            "old": sign(NOTICE_SECRET, body, now - timedelta(minutes=6)),
            "future": sign(NOTICE_SECRET, body, now + timedelta(minutes=6)),
            "nothing": "",
        }[what]
        assert await shop.notify(body, signature) == 401
        assert await shop.notices() == []


async def test_an_unknown_account_is_answered_like_a_wrong_signature(new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop, other = await new_shop(gateway), await new_shop(gateway)
        body, now = b"{}", datetime.now(UTC)
        headers = {"Corebilling-Signature": sign("whsec_guessed", body, now), "X-API-Key": ""}
        answers = [
            await shop.http.post(path, content=body, headers=headers)
            for path in (
                other.account["notice_path"],
                f"/v1/gateways/http/{shop.tenant_id}/webhook",
                f"/v1/gateways/other/{shop.account['id']}/webhook",
            )
        ]
        told = [{**answer.json(), "instance": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert told[0] == told[1] == told[2]


async def test_a_notice_about_another_tenants_payment_does_nothing(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, FakeGateway() as wicked, working(notice_attempts=2):
        victim, thief = await new_shop(gateway), await new_shop(wicked)
        invoice, payment = await victim.asked("acme", "tok_slow")
        await victim.status(payment, "processing")
        [intent] = gateway.intents.values()
        forged = {**intent, "status": "succeeded", "amount_received": 1200}
        wicked._tell("payment_intent.succeeded", forged)
        wicked._tell("payment_intent.succeeded", {**forged, "metadata": {}})
        assert await wicked.deliver() == [200, 200]
        assert set((await worked_out(thief, 2)).values()) == {"ignored"}
        assert (await victim.payment(payment))["status"] == "processing"
        assert not await victim.paid(invoice)


async def test_a_notice_in_another_currency_is_put_aside(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme", "tok_slow")
        await shop.status(payment, "processing")
        [intent] = gateway.intents.values()
        body = gateway._tell("payment_intent.succeeded", {**intent, "status": "succeeded", "currency": "vnd"})
        await gateway.deliver(body)
        assert (await worked_out(shop, 1))[json.loads(body)["id"]] == "failed"
        assert (await shop.payment(payment))["status"] == "processing"


async def test_what_cant_be_read_or_doesnt_concern_us_is_kept_and_harms_nobody(
    new_shop: NewShop, working: Working
) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        strange = [
            b"",
            b"\x00\xff",
            b"[]",
            b'{"id": "evt_\\u0000", "type": "refund.x", "data": {"object": 1}}',
            b"{" * 5000,
        ]
        other = b'{"id": "evt_9", "type": "customer.created", "data": {"object": {}}}'
        assert set(await gateway.deliver(*strange, other)) == {200}
        _, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
        states = await worked_out(shop, 6)
    assert states.pop("evt_9") == "ignored"
    assert set(states.values()) == {"failed"}


async def test_a_replaced_secret_is_taken_beside_the_new_one(new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        path = f"/v1/gateway-accounts/{shop.account['id']}"
        await shop.call("PATCH", path, {"webhook_secret": "whsec_the_second"})
        body = b'{"id": "evt_1"}'
        assert await gateway.deliver(body) == [200]
        assert await gateway.deliver(body, secret="whsec_the_second") == [200]
        assert await gateway.deliver(body, secret="whsec_the_third") == [401]
        assert len(await shop.notices()) == 1


async def test_fifty_copies_at_once_are_stored_once(new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        signature = sign(NOTICE_SECRET, b'{"id": "evt_1"}', datetime.now(UTC))
        statuses = await asyncio.gather(*(shop.notify(b'{"id": "evt_1"}', signature) for _ in range(50)))
        assert set(statuses) == {200}
        assert len(await shop.notices()) == 1
        assert (await shop.http.post(shop.account["notice_path"], content=b"x" * 300_000)).status_code == 413


async def test_notices_are_kept_for_so_many_days_after_they_were_worked_out(
    new_shop: NewShop, working: Working, container: Container
) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        async with working():
            await shop.status(payment, "succeeded")
            assert set(await gateway.deliver()) == {200}
            await worked_out(shop, 1)
        kept = await shop.notices()
        body = json.dumps({"id": "evt_waiting", "type": "payment_intent.succeeded", "data": {"object": {}}}).encode()
        assert await shop.notify(body, sign(NOTICE_SECRET, body, datetime.now(UTC))) == 200

        def keeping(days: float) -> NoticeKeeping:
            later = datetime.now(UTC) + timedelta(days=days)
            return NoticeKeeping(container.database(), clock=lambda: later, days=90)

        await keeping(89).run()
        assert len(await shop.notices()) == len(kept) + 1
        await asyncio.gather(*(keeping(91).run() for _ in range(3)))
        assert [notice["gateway_notice_id"] for notice in await shop.notices()] == ["evt_waiting"]
