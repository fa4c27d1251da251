"""Whatever the gateway does, money is taken once and the invoice is paid."""

import asyncio
from datetime import timedelta

import pytest

from conftest import NewShop, Working
from corebilling.cli.client import until
from factories import PATIENCE_SECONDS
from gateways import FakeGateway, UnrulyGateway

QUITE_SOON = timedelta(milliseconds=1)


async def test_a_payment_is_taken_and_settles_its_invoice(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway(fee=35) as gateway, working():
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme")
        paid = await shop.status(payment, "succeeded")
    assert (paid["amount_minor"], paid["fee_minor"], paid["gateway"]) == (1200, 35, "http")
    assert paid["gateway_payment_id"] in gateway.intents
    assert gateway.took.charges == {payment: [1200]}
    assert await shop.paid(invoice)


async def test_a_declined_payment_says_why_and_leaves_the_invoice_open(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme", "tok_poor")
        failed = await shop.status(payment, "failed")
        assert (failed["failure_code"], failed["failure_message"]) == ("insufficient_funds", "The bank says no.")
        assert not await shop.paid(invoice)
        await shop.customer("other")
        again = await shop.invoice("other")
        await shop.status(await shop.pay(again), "succeeded")
    assert payment not in gateway.took.charges


@pytest.mark.parametrize("fault", ["time out after", "500 after", "garbage", "slow"])
async def test_what_was_taken_without_an_answer_is_found_and_never_taken_again(
    fault, new_shop: NewShop, working: Working
) -> None:
    async with UnrulyGateway() as gateway, working():
        shop = await new_shop(gateway)
        gateway.will("charge", fault)
        invoice, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200]}
    assert gateway.took.calls["charge"] == 1
    assert await shop.paid(invoice)


@pytest.mark.parametrize("fault", ["time out before", "500 before"])
async def test_what_wasnt_taken_is_sent_again_only_after_the_gateway_denied_it(
    fault, new_shop: NewShop, working: Working
) -> None:
    async with UnrulyGateway() as gateway, working():
        shop = await new_shop(gateway)
        gateway.will("charge", fault)
        invoice, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
    assert gateway.took.charges == {payment: [1200]}
    assert gateway.took.calls["charge"] == 2
    assert gateway.took.calls["find"] >= 1
    assert await shop.paid(invoice)


async def test_a_gateway_that_forgets_keys_and_times_out_takes_once(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway() as gateway, working():
        shop = await new_shop(gateway)
        gateway.will("charge", "time out after", "forget", "forget")
        invoice, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
        assert await shop.paid(invoice)
    assert gateway.took.charges == {payment: [1200]}


async def test_a_gateway_that_refuses_connections_is_tried_again(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme")
        await gateway.stop()
        async with working(breaker_seconds=0.1):
            await asyncio.sleep(0.2)
            assert (await shop.payment(payment))["status"] == "pending"
            await gateway.start()
            await shop.status(payment, "succeeded")
    assert await shop.paid(invoice)
    assert gateway.took.charges == {payment: [1200]}


async def test_a_gateway_out_of_reach_for_too_long_fails_the_payment(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        await gateway.stop()
        async with working(give_up_after=QUITE_SOON):
            failed = await shop.status(payment, "failed")
    assert failed["failure_code"] == "gateway_unavailable"
    assert gateway.took.total == 0


async def test_what_the_customer_must_confirm_waits_and_is_asked_about(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        invoice, payment = await shop.asked("acme", "tok_action")
        waiting = await shop.status(payment, "requires_action")
        assert waiting["next_action_url"].startswith(gateway.url)
        gateway.complete(payment)
        await shop.status(payment, "succeeded")
    assert await shop.paid(invoice)
    assert gateway.took.charges == {payment: [1200]}


async def test_a_refund_goes_through_the_gateway_once_though_it_times_out(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway() as gateway, working():
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
        gateway.will("refund", "time out after")
        refunds = [
            (await shop.call("POST", f"/v1/payments/{payment}/refund", {"amount_minor": 500, "reason": "late"}))["id"]
            for _ in range(2)
        ]
        for refund in refunds:

            async def out(refund: str = refund) -> bool:
                return bool((await shop.call("GET", f"/v1/refunds/{refund}"))["status"] == "succeeded")

            await until(out, seconds=PATIENCE_SECONDS, what="the refund", every_seconds=0.02)
    assert gateway.took.refunds == {refund: [500] for refund in refunds}
    assert (await shop.payment(payment))["refunded_minor"] == 1000


async def test_a_refund_that_the_gateway_refuses_fails(new_shop: NewShop, working: Working) -> None:
    async with FakeGateway() as gateway, working():
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        await shop.status(payment, "succeeded")
        for intent in gateway.intents.values():
            intent["amount_received"] = 100  # somebody gave the rest back at the gateway
        body = {"amount_minor": 500, "reason": "late"}
        refund = (await shop.call("POST", f"/v1/payments/{payment}/refund", body))["id"]

        async def failed() -> bool:
            return bool((await shop.call("GET", f"/v1/refunds/{refund}"))["status"] == "failed")

        await until(failed, seconds=PATIENCE_SECONDS, what="the refund to fail", every_seconds=0.02)
    assert gateway.took.refunds == {}


async def test_a_gateway_that_does_everything_wrong_takes_each_payment_once(
    new_shop: NewShop, working: Working
) -> None:
    faults = ("time out after", "time out before", "500 after", "500 before", "slow", "forget", "garbage")
    async with UnrulyGateway(seed=7, share=0.5, faults=faults) as gateway, working(breaker_failures=50):
        shop = await new_shop(gateway)
        asked = [await shop.asked(f"c-{number}") for number in range(40)]
        for _, payment in asked:
            await shop.status(payment, "succeeded")
        await gateway.sends_notices_badly()
        assert all([await shop.paid(invoice) for invoice, _ in asked])
    assert {reference: sum(amounts) for reference, amounts in gateway.took.charges.items()} == {
        payment: 1200 for _, payment in asked
    }
    assert gateway.took.twice == []
