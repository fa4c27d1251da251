"""A till: the real services on a real database, with a gateway account nobody calls, whose words tests say themselves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from books import Books, flat
from corebilling.events.catalog import BY_SUBJECT
from corebilling.events.envelope import Envelope
from corebilling.invoice.schemas import InvoiceDetailOut
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType
from corebilling.ledger.prover import LedgerProof
from corebilling.payment.collection_duty import CollectionDuty
from corebilling.payment.domain.outcome import DisputeNotice, Outcome, RefundOutcome
from corebilling.payment.handlers import HANDLERS
from corebilling.payment.schemas import PaymentCreate, PaymentMethodCreate, PaymentOut, RefundCreate, RefundOut
from corebilling.payment.schemas.gateways import GatewayAccountCreate
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

ISSUED = datetime(2026, 2, 1, 1, tzinfo=UTC)
"""When the books' January is invoiced."""

_DOCUMENTS: tuple[DocumentType, ...] = ("payment", "refund", "refund_paid", "refund_failed", "dispute", "dispute_won")
_LEFT = """SELECT coalesce(sum(total_minor - paid_minor - credited_minor - prepaid_minor), 0)::bigint
  FROM invoice_state WHERE tenant_id = %s AND status = 'open'"""
_GRANTS = "SELECT coalesce(sum(left_minor), 0)::bigint FROM wallet_grants WHERE tenant_id = %s"
_BALANCES = """SELECT e.account, sum(e.amount_minor)::bigint FROM entries e WHERE e.tenant_id = %s
  GROUP BY e.account HAVING sum(e.amount_minor) <> 0 ORDER BY e.account"""
_JOURNAL = """SELECT e.account, e.amount_minor FROM entries e
  JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
  WHERE j.tenant_id = %s AND j.document_type = %s AND j.document_id = %s ORDER BY e.account"""
_EVENTS = (
    "SELECT event_id, subject, resource_id, resource_seq, occurred_at, payload FROM billing_events WHERE tenant_id = %s"
)


@dataclass
class Till:
    """A tenant with books, customers who pay, and the truths that hold after each step."""

    books: Books
    tenant: UUID
    account: UUID
    handled: set[UUID] = field(default_factory=set)

    @property
    def db(self) -> Database:
        return self.books.db

    async def customer(self, name: str = "acme", *, method: bool = False, **more: Any) -> UUID:
        """A customer, with a default payment method if asked."""
        customer = await self.books.customer(self.tenant, name, **more)
        if method:
            wanted = PaymentMethodCreate(name, self.account, f"pm_{name}")
            async with self.db.tenant(self.tenant) as tx:
                await self.books.payments.methods.add(tx, self.tenant, wanted)
        return customer

    async def invoice(self, customer: UUID, amount: str = "20") -> InvoiceDetailOut:
        """A final invoice."""
        return await self.books.invoice(self.tenant, customer, flat(amount))  # type: ignore[no-any-return]

    async def shown(self, invoice_id: UUID) -> InvoiceDetailOut:
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.invoices.get(tx, self.tenant, invoice_id)

    async def pay(self, **wanted: Any) -> PaymentOut:
        """Money that arrived by transfer, unless `method` is None: then a charge is asked for."""
        more = {"method": "bank_transfer", "reference": "statement 7"} | wanted
        if more["method"] is None:
            del more["reference"]
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.payments.create(tx, self.tenant, PaymentCreate(**more))

    async def payment(self, payment_id: UUID) -> PaymentOut:
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.payments.get(tx, self.tenant, payment_id)

    async def refund(self, payment_id: UUID, amount_minor: int | None = None, **more: Any) -> RefundOut:
        async with self.db.tenant(self.tenant) as tx:
            wanted = RefundCreate("sorry", amount_minor, **more)
            return await self.books.payments.refund(tx, self.tenant, payment_id, wanted)

    async def said(self, payment_id: UUID, kind: Any, *, at: datetime | None = None, **more: Any) -> None:
        """A word of the gateway about a payment."""
        outcome = Outcome(self.tenant, payment_id, kind, at or await self.now(), **more)
        async with self.db.tenants([self.tenant]) as tx:
            await self.books.payments.record_outcomes(tx, [outcome])

    async def refund_said(self, refund_id: UUID, kind: Any, **more: Any) -> None:
        outcome = RefundOutcome(self.tenant, refund_id, kind, await self.now(), **more)
        async with self.db.tenants([self.tenant]) as tx:
            await self.books.payments.record_refund_outcomes(tx, [outcome])

    async def dispute_said(
        self, payment_id: UUID, status: Any, amount: int, *, fee: int = 0, name: str = "dp_1"
    ) -> None:
        notice = DisputeNotice(self.tenant, payment_id, name, status, amount, "fraudulent", await self.now(), fee)
        async with self.db.tenants([self.tenant]) as tx:
            await self.books.payments.record_disputes(tx, [notice])

    async def charged(self, invoice_id: UUID, **more: Any) -> PaymentOut:
        """A payment by gateway that succeeded."""
        asked = await self.pay(invoice_id=invoice_id, method=None)
        await self.said(asked.id, "succeeded", gateway_payment_id=f"pi_{asked.id}", **more)
        return await self.payment(asked.id)

    async def now(self) -> datetime:
        async with self.db.tenants([self.tenant]) as tx:
            return (await self.books.tenants.now(tx, [self.tenant]))[self.tenant]

    async def events(self, *subjects: str) -> list[Envelope[Any]]:
        """Everything that was told, oldest first."""
        async with self.db.system() as tx:
            rows = await (await tx.conn.execute(_EVENTS, (self.tenant,))).fetchall()
        return [
            _envelope(self.tenant, row)
            for row in sorted(rows, key=lambda row: row[0])
            if not subjects or row[1] in subjects
        ]

    async def told(self, *subjects: str) -> list[str]:
        """The subjects of payments, dunning and wallets that were told of, oldest first."""
        return [event.subject for event in await self.events(*subjects)]

    async def handle(self) -> None:
        """What the router does for the payment context, until nothing is left to handle."""
        table = {subject: HANDLERS[row.payload] for subject, row in BY_SUBJECT.items() if row.payload in HANDLERS}
        while fresh := [event for event in await self.events(*table) if event.id not in self.handled]:
            for event in fresh:
                async with self.db.tenants([self.tenant]) as tx:
                    await table[event.subject](self.books.payments, tx, [event])
                self.handled.add(event.id)

    async def collect(self) -> int:
        """What the worker does every second."""
        duty = CollectionDuty(self.db, self.books.payments, clock=wall_clock, sandboxes=self.books.tenants)
        return await duty.run()

    async def until(self, at: datetime) -> None:
        """Let a sandbox's time pass as its test clock does: from one due instant to the next, each handled and collected.

        It waits where a payment is on its way.
        """
        while True:
            await self.handle()
            if await self.collect():
                continue
            now = await self.now()
            async with self.db.system() as tx:
                due = await self.books.payments.earliest_due(tx, self.tenant)
                if due is not None and due <= now:
                    break
                step = at if due is None or due > at else due
                await self.books.tenants.move_clock(tx, self.tenant, step, done=True)
            if now == at:
                break

    async def in_flight(self, invoice_id: UUID) -> list[PaymentOut]:
        async with self.db.tenant(self.tenant) as tx:
            found = await self.books.payments.find(tx, self.tenant, invoice_id=invoice_id, after=None, limit=50)
        return [one for one in found if one.status in ("pending", "processing", "requires_action")]

    async def journal(self, kind: str, document_id: UUID) -> dict[str, int]:
        """A document's journal by account."""
        async with self.db.system() as tx:
            rows = await (await tx.conn.execute(_JOURNAL, (self.tenant, kind, document_id))).fetchall()
        return dict(rows)

    async def balances(self) -> dict[str, int]:
        """What isn't 0, after checking that the books tell the truth."""
        async with self.db.system() as tx:
            proof = await LedgerProof(documents=dict.fromkeys(_DOCUMENTS, self.books.payments)).proof(tx)
        async with self.db.system() as tx:
            [left] = await (await tx.conn.execute(_LEFT, (self.tenant,))).fetchone() or [0]
            [grants] = await (await tx.conn.execute(_GRANTS, (self.tenant,))).fetchone() or [0]
            found = dict(await (await tx.conn.execute(_BALANCES, (self.tenant,))).fetchall())
        wrong = [one for one in proof.mismatches if one.tenant_id == self.tenant]
        assert wrong == [], wrong
        assert sum(found.values()) == 0
        assert (found.get("1200", 0), found.get("2300", 0)) == (left, -grants)
        return found


def _envelope(tenant: UUID, row: Sequence[Any]) -> Envelope[Any]:
    kind = BY_SUBJECT[row[1]]
    payload = msgspec.json.decode(row[5] if isinstance(row[5], (bytes, str)) else bytes(row[5]), type=kind.payload)
    return Envelope(row[0], row[1], kind.version, tenant, row[2], row[3], new_id(), None, None, row[4], payload)


async def opened(books: Books, tenant: UUID) -> Till:
    """A till for a tenant."""
    wanted = GatewayAccountCreate(
        gateway="http", name="main", base_url="https://gateway.example", api_key="sk_test_123456"
    )
    async with books.db.tenant(tenant) as tx:
        account = await books.accounts.create(tx, tenant, wanted)
    return Till(books, tenant, account.id)


NewTill = Callable[..., Awaitable[Till]]
"""`await sandbox(retry_days=[3])`: a till of a sandbox whose clock stands at `ISSUED`, with these terms of dunning."""
