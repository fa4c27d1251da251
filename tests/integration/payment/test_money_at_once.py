"""Everything that can happen to an invoice, at the same time: nobody waits in a circle, and no cent is counted twice."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from uuid import UUID

import msgspec
import pytest

from corebilling.invoice.schemas.credit_notes import CreditNoteCreate
from corebilling.invoice.schemas.wallets import GrantCreate
from corebilling.invoice.wallet_service import WalletService
from corebilling.kernel.errors import Conflict
from till import Till

ROUNDS = 6


async def _refused(work: Awaitable[object]) -> None:
    """What conflicts with the present state may be refused; anything else is a fault."""
    with suppress(Conflict):
        await work


async def _grant(till: Till, customer: UUID, amount_minor: int, source: str) -> None:
    wanted = msgspec.convert(
        {"customer_id": str(customer), "amount_minor": amount_minor, "source": source}, GrantCreate
    )
    service = WalletService(clocks=till.books.tenants, customers=till.books.customers, wallets=till.books.wallets)
    async with till.db.tenant(till.tenant) as tx:
        await service.grant(tx, till.tenant, wanted)


async def _all_at_once(till: Till, customer: UUID, invoice_id: UUID, earlier_id: UUID) -> None:
    wallets = WalletService(clocks=till.books.tenants, customers=till.books.customers, wallets=till.books.wallets)

    async def credit(amount: int, settlement: str) -> None:
        wanted = msgspec.convert(
            {"invoice_id": str(invoice_id), "reason": "test", "amount_minor": amount, "settlement": settlement},
            CreditNoteCreate,
        )
        async with till.db.tenant(till.tenant) as tx:
            await till.books.invoices.notes.issue(tx, till.tenant, wanted)

    async def void() -> None:
        async with till.db.tenant(till.tenant) as tx:
            await till.books.invoices.void(tx, till.tenant, invoice_id, "wrong")

    async def reissue() -> None:
        async with till.db.tenant(till.tenant) as tx:
            await till.books.invoices.reissue(tx, till.tenant, invoice_id, "wrong address")

    async def use_wallet() -> None:
        async with till.db.tenant(till.tenant) as tx:
            await wallets.apply(tx, till.tenant, invoice_id)

    at_once = [
        till.pay(invoice_id=invoice_id, amount_minor=300, overpayment="credit"),
        credit(200, "balance"),
        credit(150, "refund"),
        void(),
        reissue(),
        use_wallet(),
        till.refund(earlier_id, 40),
        till.invoice(customer, "3"),
        till.pay(customer_id=str(customer), amount_minor=900),
        till.pay(invoice_id=invoice_id, method=None),
    ]
    await asyncio.gather(*(_refused(work) for work in at_once))


async def test_whatever_happens_to_an_invoice_at_once_adds_up(till: Till) -> None:
    customer = await till.customer(method=True)
    earlier = await till.pay(customer_id=str(customer), amount_minor=500)
    for _ in range(ROUNDS):
        invoice = await till.invoice(customer, "20")
        await _grant(till, customer, 700, "purchase")
        await _all_at_once(till, customer, invoice.id, earlier.id)
        await till.balances()
        await till.handle()
        await till.balances()


async def test_bought_credit_is_paid_back_and_promotions_never_are(till: Till) -> None:
    customer = await till.customer()
    payment = await till.pay(customer_id=str(customer), amount_minor=500)
    await till.invoice(customer, "5")
    await _grant(till, customer, 800, "promotion")
    with pytest.raises(Conflict, match="credit, which was used since"):
        await till.refund(payment.id, 100)
    await _grant(till, customer, 60, "purchase")
    with pytest.raises(Conflict, match="refund at most 60"):
        await till.refund(payment.id, 100)
    await till.refund(payment.id, 60)
    assert await till.balances() == {"1000": 500, "2300": -800, "4000": -500, "4900": 800}
