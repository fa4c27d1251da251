"""A gateway in trouble is left alone for a while, and troubles nobody else."""

from prometheus_client import REGISTRY

from conftest import NewShop, Working
from corebilling.cli.client import until
from gateways import FakeGateway, UnrulyGateway


async def test_failures_in_a_row_open_the_breaker_and_a_probe_closes_it(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway() as gateway:
        shop = await new_shop(gateway)
        gateway.will("charge", *["500 before"] * 3)
        asked = [await shop.asked(f"c-{number}") for number in range(3)]

        def state() -> float | None:
            return REGISTRY.get_sample_value("corebilling_payment_breaker_state", {"account": shop.account["id"]})

        async def opened() -> bool:
            return state() == 1.0

        async with working(breaker_failures=3, breaker_seconds=0.5, certain_seconds=0.5):
            await until(opened, seconds=20, what="the breaker to open", every_seconds=0.01)
            assert gateway.took.calls.total() - gateway.took.calls["500 before"] == 3
            waiting = await shop.asked("late")
            for _, payment in [*asked, waiting]:
                await shop.status(payment, "succeeded")
            assert state() is None
    assert gateway.took.charges == {payment: [1200] for _, payment in [*asked, waiting]}


async def test_other_tenants_payments_flow_while_gateways_hang(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway(share=1.0, faults=("time out before",)) as dead, FakeGateway() as alive:
        well = await new_shop(alive)
        sick = [await new_shop(dead) for _ in range(8)]
        for shop in sick:
            for number in range(4):
                await shop.asked(f"c-{number}")
        before = await well.asked("before")
        async with working(most_calls=16, timeout_seconds=2.0) as worker:
            await well.status(before[1], "succeeded")
            await dead.until_hanging(8)
            for number in range(5):
                _, payment = await well.asked(f"acme-{number}")
                await well.status(payment, "succeeded")
            assert dead.took.charges == {}
            worker.cancel()
    assert len(alive.took.charges) == 6


async def test_answers_to_questions_do_not_hide_that_charges_fail(new_shop: NewShop, working: Working) -> None:
    async with UnrulyGateway() as gateway:
        shop = await new_shop(gateway)
        gateway.will("charge", *["500 before"] * 3)
        invoice, payment = await shop.asked("acme")

        async def opened() -> bool:
            shown = {"account": shop.account["id"]}
            return REGISTRY.get_sample_value("corebilling_payment_breaker_state", shown) == 1.0

        async with working(breaker_failures=3, breaker_seconds=0.5, certain_seconds=0.05, timeout_seconds=0.2):
            await until(opened, seconds=20, what="the breaker to open", every_seconds=0.01)
            assert gateway.took.calls["find"] >= 2
            await shop.status(payment, "succeeded")
        assert await shop.paid(invoice)
    assert gateway.took.charges == {payment: [1200]}
