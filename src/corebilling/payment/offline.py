"""Money that arrived by other ways: for the invoices it was sent for, or those that it fits; the rest is the customer's credit."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import PaymentSucceeded
from corebilling.kernel.errors import Invalid, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import GrantDraft, OpenInvoice, SettledInvoice, Settlement
from corebilling.payment.domain.matching import Share, matched
from corebilling.payment.domain.posting import MANUAL, journal, received
from corebilling.payment.ports import Others
from corebilling.payment.queries import payments as queries
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Received(msgspec.Struct, frozen=True):
    """Money in hand: whose, how much, and what of it settled invoices."""

    customer_id: UUID
    currency: str
    amount_minor: int
    settled: tuple[SettledInvoice, ...]
    invoice_id: UUID | None

    @property
    def allocated_minor(self) -> int:
        """What went to invoices."""
        return sum(one.amount_minor for one in self.settled)


class OfflinePayments:
    """Records money that the tenant received itself."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def record(self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate, method: str) -> UUID:
        """Settle, post and record money, dated in the tenant's time; answers the payment's id.

        Raises `NotFound` for the invoice or the customer, `Conflict` where more is told than is left, `Invalid` for another
        currency or what is missing.
        """
        at = await self._others.now(tx, tenant_id)
        if wanted.invoice_id is not None:
            money = await self._of_invoice(tx, tenant_id, wanted.invoice_id, wanted, at)
        else:
            money = await self._of_customer(tx, tenant_id, wanted, at)
        return await self._write(tx, tenant_id, wanted, method, money, at)

    async def _of_invoice(
        self, tx: Tx, tenant_id: UUID, invoice_id: UUID, wanted: PaymentCreate, at: datetime
    ) -> Received:
        at_most = wanted.overpayment == "credit" and wanted.amount_minor is not None
        settlement = Settlement(tenant_id, invoice_id, wanted.amount_minor, wanted.currency, at, at_most)
        [settled] = await self._others.invoices.settle(tx, [settlement])
        amount = settled.amount_minor if wanted.amount_minor is None else wanted.amount_minor
        return Received(settled.customer_id, settled.currency, amount, _counted([settled]), invoice_id)

    async def _of_customer(self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate, at: datetime) -> Received:
        if wanted.customer_id is None:
            raise invalid_field("/customer_id", "say whose money it is: by customer_id, or by the invoice_id it is for")
        if wanted.amount_minor is None:
            raise invalid_field("/amount_minor", "say how much arrived")
        customer = await self._others.customers.by_ref(tx, tenant_id, wanted.customer_id)
        currency = wanted.currency or customer.currency
        owed = await self._others.invoices.open_invoices(tx, tenant_id, customer.customer_id, currency)
        if wanted.invoices:
            parts = await self._told(tx, tenant_id, wanted, wanted.amount_minor, owed)
        else:
            parts, _ = matched(wanted.amount_minor, wanted.reference, owed)
        settled = await self._others.invoices.settle(
            tx,
            [
                Settlement(tenant_id, part.invoice_id, part.amount_minor, currency, at, at_most=not wanted.invoices)
                for part in parts
            ],
        )
        counted = _counted(settled)
        only = counted[0].invoice_id if len(counted) == 1 else None
        return Received(customer.customer_id, currency, wanted.amount_minor, counted, only)

    async def _told(
        self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate, amount_minor: int, owed: Sequence[OpenInvoice]
    ) -> list[Share]:
        left = {invoice.invoice_id: invoice.left_minor for invoice in owed}
        parts: list[Share] = []
        for n, told in enumerate(wanted.invoices):
            if told.invoice_id not in left:
                await self._others.invoices.open_invoice(tx, tenant_id, told.invoice_id)  # says why it can't be paid
                raise invalid_field(
                    f"/invoices/{n}/invoice_id", "it is another customer's or in another currency; record a payment of its own"
                )  # fmt: skip
            part = min(left[told.invoice_id], amount_minor) if told.amount_minor is None else told.amount_minor
            if part > amount_minor:
                raise invalid_field(f"/invoices/{n}/amount_minor", f"only {amount_minor} of the money is left for it")
            if part:
                parts.append(Share(told.invoice_id, part))
            amount_minor -= part
        if len({part.invoice_id for part in parts}) < len(parts):
            raise Invalid("an invoice is named twice; add its amounts up", code="invoice_twice")
        return parts

    async def _write(
        self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate, method: str, money: Received, at: datetime
    ) -> UUID:
        payment_id, allocated = new_id(), money.allocated_minor
        credited = money.amount_minor - allocated
        numbers = ", ".join(one.number for one in money.settled[:5])
        draft = journal(
            tenant_id,
            "payment",
            payment_id,
            money.customer_id,
            money.currency,
            at,
            f"Payment of {'invoice' if len(money.settled) == 1 else 'invoices'} {numbers}" if numbers else "Payment ahead",
            received(MANUAL, allocated, credited, 0),
        )  # fmt: skip
        [journal_id] = await self._others.ledger.post(tx, [draft])
        grant_id = None
        if credited:
            grant = GrantDraft(
                tenant_id, money.customer_id, money.currency, credited, "overpayment", at, payment_id, journal_id
            )
            [grant_id] = await self._others.wallets.grant(tx, [grant])
        await queries.add_arrived(
            tx.conn,
            tenant_id=tenant_id,
            payment_id=payment_id,
            invoice_id=money.invoice_id,
            customer_id=money.customer_id,
            currency=money.currency,
            amount_minor=money.amount_minor,
            method=method,
            payment_reference=wanted.reference,
            journal_id=journal_id,
            paid_at=at,
            created_at=self._others.clock(),
            allocated_minor=allocated,
            credited_minor=credited,
            grant_id=grant_id,
            allocated_invoice_ids=[one.invoice_id for one in money.settled],
            allocated_amounts_minor=[one.amount_minor for one in money.settled],
        )
        succeeded = PaymentSucceeded(
            payment_id=payment_id,
            invoice_id=money.settled[0].invoice_id if len(money.settled) == 1 else None,
            customer_id=money.customer_id,
            currency=money.currency,
            amount_minor=money.amount_minor,
            method=method,
            reference=wanted.reference,
            journal_id=journal_id,
            paid_at=at,
            allocated_minor=allocated,
            gateway=MANUAL,
        )
        await emit(tx, [NewEvent(tenant_id, payment_id, 1, succeeded, at)])
        return payment_id


def _counted(settled: Sequence[SettledInvoice]) -> tuple[SettledInvoice, ...]:
    return tuple(one for one in settled if one.amount_minor)
