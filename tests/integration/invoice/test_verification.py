"""Invoices computed again from what they are pinned to, on a real database, and what somebody changed behind our back."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg.types.string import TextLoader

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START
from corebilling.invoice.domain.findings import Finding
from corebilling.invoice.schemas import CreditNoteCreate
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.schemas.wallets import GrantCreate
from corebilling.kernel.errors import NotFound
from corebilling.payment.schemas import RefundCreate
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.arrays import register_list_dumper
from corebilling.pricing.schemas import CouponCreate
from corebilling.subscription.schemas import CancelOrder, ChangeOrder, CouponOrder, ItemIn, SubscriptionCreate
from corebilling.tenant.schemas import InvoicingPatch
from sold_world import SoldWorld

PRICES: list[dict[str, Any]] = [
    {
        "kind": "recurring", "code": "fee", "name": "Fee", "timing": "advance", "product": "seats",
        "price": {"model": "per_unit", "unit_amount": "31.00"},
    },
    {
        "kind": "usage", "code": "data", "name": "Data", "meter": "data", "tax_category": "books",
        "price": {
            "model": "graduated", "minimum_amount": "4.00",
            "tiers": [{"up_to": "10", "unit_amount": "0.333"}, {"up_to": None, "unit_amount": "0.1"}],
        },
    },
]  # fmt: skip
RATES = (
    {"name": "VAT", "rate": "0.2", "country": "FR"},
    {"name": "VAT", "rate": "0.055", "country": "FR", "tax_category": "books", "inclusive": True, "code": "books"},
)


@pytest.fixture
def world(db: Database) -> SoldWorld:
    return SoldWorld(db)


async def seller(world: SoldWorld, **more: Any) -> UUID:
    """A tenant in France with invoices of every kind, taxed, prepaid, paid, credited, voided and given up."""
    tenant_id = await world.tenant(clock_at=START, country="FR", **more)
    async with world.db.tenant(tenant_id) as tx:
        for rate in RATES:
            await world.tax_rates.create(tx, tenant_id, msgspec.convert(rate, TaxRateCreate, strict=False))
        body = {"currency": "EUR", "commitment": {"amount": "60.00"}, "prices": PRICES}
        await world.plan(tx, tenant_id, {"code": "plan", "name": "Plan", **body})
        coupon = CouponCreate(code="TEN", name="Ten", percent_off=Decimal("0.1"), duration="forever")
        await world.pricing.create_coupon(tx, tenant_id, coupon)
    await world.subscribe(tenant_id, ["a"], plan="plan")
    await together(world, tenant_id)
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.add_coupon(tx, tenant_id, "a", CouponOrder("TEN"))
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="17.5")
    (wrong,) = await world.use(tenant_id, "a", START + 2 * DAY, gb="9")
    await close(world, tenant_id, FEBRUARY + GRACE)
    await world.void(tenant_id, wrong)
    await world.use(tenant_id, "a", START + 3 * DAY, gb="2")
    await world.set_clock(tenant_id, FEBRUARY + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        more_seats = ChangeOrder(items=[ItemIn(price="fee", quantity=Decimal(2))], bill="now")
        await world.subscriptions.change(tx, tenant_id, "a", more_seats)
    await close(world, tenant_id, MARCH + GRACE)
    await by_hand(world, tenant_id)
    await world.set_clock(tenant_id, MARCH + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="now"))
    await close(world, tenant_id, MARCH + 11 * DAY)
    await world.use(tenant_id, "a", MARCH + 2 * DAY, gb="800")
    await close(world, tenant_id, MARCH + 20 * DAY)
    return tenant_id


async def together(world: SoldWorld, tenant_id: UUID) -> None:
    """Two subscriptions that are invoiced on one."""
    await world.subscribe(tenant_id, ["b"])
    async with world.db.tenant(tenant_id) as tx:
        one = SubscriptionCreate(customer_id="b", plan="plan", start_at=START, consolidate=True)
        await world.subscriptions.create_batch(tx, tenant_id, [one, one])


async def by_hand(world: SoldWorld, tenant_id: UUID) -> None:
    """One-off invoices in every state, with money and credit."""
    work = {"description": "Work", "quantity": "1.5", "unit_amount": "80.33"}
    ahead = work | {"period_start": MARCH, "period_end": MARCH + 90 * DAY, "product": "care"}
    less = {"description": "Less", "unit_amount": "-7.99"}
    paid, part, voided, anew, lost, _ = [
        await world.bill_by_hand(tenant_id, "b", work, ahead, less, {**work, "tax_category": "books"}) for _ in range(6)
    ]
    payment = await world.pay(tenant_id, paid)
    await world.pay(tenant_id, part, 5_000)
    async with world.db.tenant(tenant_id) as tx:
        await world.payments.refund(tx, tenant_id, payment, RefundCreate("wrong", amount_minor=1_234))
        await world.payments.refund(tx, tenant_id, payment, RefundCreate("wrong", amount_minor=777, invoice="reopen"))
        note = CreditNoteCreate(invoice_id=part, reason="goodwill", amount_minor=4_321)
        await world.invoices.notes.issue(tx, tenant_id, note)
        await world.invoices.void(tx, tenant_id, voided, "typo")
        await world.invoices.reissue(tx, tenant_id, anew, "address")
        await world.invoices.give_up(tx, tenant_id, lost, "insolvent")
        await world.credit.grant(tx, tenant_id, GrantCreate(customer_id="b", amount_minor=3_000, source="promotion"))
    await world.bill_by_hand(tenant_id, "b", work)
    await world.bill_by_hand(tenant_id, "b", work, finalize=False)
    await world.deliver()


async def close(world: SoldWorld, tenant_id: UUID, at: datetime) -> None:
    await world.deliver()
    await world.set_clock(tenant_id, at)
    while await world.wake_ups.wake_once() + await world.close_all() + await world.late.tell_once():
        await world.deliver()
    await world.deliver()


@pytest.mark.parametrize(
    "settings",
    [{}, {"correction_mode": "credit_note", "invoicing": InvoicingPatch(tax_rounding="invoice")}],
    ids=["next invoice, by line", "credit notes, by invoice"],
)
async def test_invoices_of_every_kind_come_out_as_they_are_stored(world: SoldWorld, settings: dict[str, Any]) -> None:
    tenant_id = await seller(world, **settings)
    invoices = await world.all_invoices(tenant_id)
    assert {invoice.purpose for invoice in invoices} >= {"period", "opening", "change", "one_off"}
    assert {invoice.status for invoice in invoices} == {"draft", "open", "paid", "void", "uncollectible"}
    assert any(invoice.subscription_id is None and invoice.purpose == "period" for invoice in invoices)
    assert any(invoice.prepaid_minor for invoice in invoices)
    assert await world.found(tenant_id) == []
    async with world.db.tenants([tenant_id]) as tx:
        assert await world.verification().series(tx, tenant_id) == []


ONE_LINE = "WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND line_no = %(line)s"
ONE_INVOICE = "WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s"
OF_TENANT = "WHERE tenant_id = %(tenant)s"
DATA = "(SELECT id FROM meters WHERE tenant_id = %(tenant)s AND code = 'data')"
JOURNAL = "(SELECT journal_id FROM invoices WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s)"

TAMPERED = [
    (f"UPDATE invoice_lines SET amount_minor = amount_minor + 1 {ONE_LINE}", {"amount_minor", "subtotal_minor"}),
    (f"UPDATE invoice_lines SET description = 'Else' {ONE_LINE}", {"description"}),
    (
        f"UPDATE invoice_lines SET derivation = jsonb_set(derivation::jsonb, '{{quantity}}', '\"3\"')::json {ONE_LINE}",
        {"derivation: quantity"},
    ),
    (f"UPDATE invoice_lines SET product = 'other' {ONE_LINE}", {"invoice journal: 4000", "invoice journal: 4000.other"}),
    (f"DELETE FROM invoice_lines {ONE_LINE}", {"line_count", "lines"}),
    (f"UPDATE invoice_line_taxes SET tax_minor = tax_minor + 1 {ONE_LINE}", {"tax books: tax_minor", "included_tax_minor"}),
    (f"UPDATE invoice_line_taxes SET rate = 0.07 {ONE_LINE}", {"tax books: taxable_minor", "tax books: tax_minor"}),
    (
        f"UPDATE invoices SET tax_minor = tax_minor + 1, total_minor = total_minor + 1 {ONE_INVOICE}",
        {"tax_minor", "total_minor", "state: total_minor"},
    ),
    (f"UPDATE invoices SET number = 'INV-2026-000999' {ONE_INVOICE}", {"number"}),
    (f"UPDATE invoices SET customer_id = '{UUID(int=7)}' {ONE_INVOICE}", {f"invoice journal: 1200 of customer {UUID(int=7)}"}),
    (
        f"UPDATE invoices SET issued_at = issued_at + '40 days', due_at = due_at + '40 days' {ONE_INVOICE}",
        {"invoice journal: 2400"},
    ),
    (f"UPDATE invoice_state SET paid_minor = paid_minor + 1 {ONE_INVOICE}", {"paid_minor"}),
    (f"UPDATE invoice_state SET prepaid_minor = prepaid_minor + 1 {ONE_INVOICE}", {"prepaid_minor"}),
    (f"UPDATE invoice_state SET noted_minor = noted_minor + 1 {ONE_INVOICE}", {"noted_minor"}),
    (f"DELETE FROM invoice_claims {ONE_INVOICE}", {"claim on subscription"}),
    (
        f"UPDATE entries SET amount_minor = amount_minor + 1 {OF_TENANT} AND journal_id = {JOURNAL} AND account = '2200'",
        {"invoice journal: 2200"},
    ),
    (f"DELETE FROM journals {OF_TENANT} AND journal_id = {JOURNAL}", {"journal_id", "invoice journals"}),
    (
        f"UPDATE deferrals SET amount_minor = amount_minor + 1 {OF_TENANT} AND journal_id = {JOURNAL}",
        {"invoice journal: deferral"},
    ),
    (f"UPDATE charges SET amount_minor = amount_minor + 1 {OF_TENANT} AND kind = 'usage'", {"amount_minor"}),
    (
        f"UPDATE usage_rollups SET value_sum = value_sum + 1 {OF_TENANT} AND meter_id = {DATA}",
        {"rating: usage"},
    ),
    (
        f"UPDATE prices SET definition = replace(definition::text, '0.333', '0.334')::json {OF_TENANT} AND code = 'data'",
        {"rating: step 1"},
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def sellers() -> dict[str, UUID]:
    """The one seller of this module that nothing is done to."""
    return {}


@pytest.fixture
async def tenant_id(world: SoldWorld, sellers: dict[str, UUID]) -> UUID:
    if "sold" not in sellers:
        sellers["sold"] = await seller(world)
    return sellers["sold"]


@pytest.mark.parametrize(("statement", "figures"), TAMPERED, ids=[statement[:60] for statement, _ in TAMPERED])
async def test_what_somebody_changed_behind_our_back_is_named(
    world: SoldWorld, tenant_id: UUID, owner_url: str, statement: str, figures: set[str]
) -> None:
    invoice = next(
        one
        for one in await world.all_invoices(tenant_id)
        if one.purpose == "period" and one.period_start == START and one.status == "open" and one.subscription_id
    )
    async with world.db.tenant(tenant_id) as tx:
        lines = (await world.invoices.get(tx, tenant_id, invoice.id)).lines
    usage = next(line for line in lines if line.kind == "usage" and line.taxes)
    async with tampered(owner_url, statement, tenant=tenant_id, invoice=invoice.id, line=usage.line_no) as tx:
        found = await all_found(world, tx, tenant_id)
    assert figures <= {re.sub(r"(?<=claim on subscription) .*", "", one.figure) for one in found}
    assert all(one.stored != one.computed for one in found)
    if "invoice_id" in statement:
        assert {one.invoice_id for one in found} == {invoice.id}
        assert {one.number for one in found} <= {invoice.number, "INV-2026-000999"}


async def test_a_missing_number_is_a_gap(world: SoldWorld, tenant_id: UUID, owner_url: str) -> None:
    statement = f"UPDATE invoice_numbers SET last_no = last_no + 1 {OF_TENANT}"
    async with tampered(owner_url, statement, tenant=tenant_id) as tx:
        gaps = await world.verification().series(tx, tenant_id)
    assert "documents of series INV-2026" in {gap.figure for gap in gaps}


async def test_of_other_tenants_nothing_is_told(world: SoldWorld, tenant_id: UUID) -> None:
    other = await world.tenant(clock_at=START)
    ids = [invoice.id for invoice in await world.all_invoices(tenant_id)]
    async with world.db.tenants([other]) as tx:
        assert await world.verification().verify(tx, other, ids) == []
        with pytest.raises(NotFound):
            await world.verification().show(tx, other, ids[0])


async def all_found(world: SoldWorld, tx: Tx, tenant_id: UUID) -> list[Finding]:
    """What is wrong with any invoice of the tenant."""
    verification = world.verification()
    return await verification.verify(tx, tenant_id, await verification.page(tx, tenant_id, None, 1_000))


@asynccontextmanager
async def tampered(owner_url: str, statement: str, **values: Any) -> AsyncIterator[Tx]:
    """Rows as somebody would change them who owns the database, without a trigger being asked; taken back at the end."""
    async with await psycopg.AsyncConnection.connect(owner_url) as owner:
        register_list_dumper(owner)
        owner.adapters.register_loader("json", TextLoader)
        await owner.execute("SET LOCAL session_replication_role = replica")
        changed = await owner.execute(statement, values)  # type: ignore[arg-type]
        assert changed.rowcount, "the test changes something"
        yield Tx(owner)
        await owner.rollback()
