"""Money that goes back: promised and posted here, paid out by the tenant itself or by the gateway's worker."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import CreditIssued
from corebilling.events.payment import PaymentRefunded
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import from_minor
from corebilling.kernel.settlement import CreditRefund, Reversal
from corebilling.payment.domain.outcome import Refundable
from corebilling.payment.domain.posting import MANUAL, journal, paid_out, promised
from corebilling.payment.gateways.calls import WantedCall, request_calls
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import payments, refunds
from corebilling.payment.queries.models import Payment, PaymentAllocation
from corebilling.payment.schemas import RefundCreate
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Part(msgspec.Struct, frozen=True):
    """What a refund is taken from: an invoice, or the customer's credit."""

    invoice_id: UUID | None
    amount_minor: int
    credit_note_id: UUID | None = None


class Refunding:
    """Asks for refunds, never more of a payment than was paid and hasn't gone back."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def request(self, tx: Tx, tenant_id: UUID, payment_id: UUID, wanted: RefundCreate) -> UUID:
        """Give a payment back, wholly or in part; answers the refund's id.

        Raises `NotFound`, or `Conflict` where the payment didn't arrive or is disputed, or less is left of it, of the invoices
        that it paid or of the customer's credit.
        """
        rows = await payments.lock_payments(tx.conn, tenant_ids=[tenant_id], payment_ids=[payment_id])
        if not rows:
            raise NotFound(f"there is no payment {payment_id}; list payments to find its id", code="payment_not_found")
        payment = rows[0]
        amount = _refundable(payment, wanted.amount_minor)
        at = await self._others.now(tx, tenant_id)
        await payments.allocate_old(tx.conn, tenant_id=tenant_id, payment_ids=[payment_id])
        allocations = await payments.allocations(tx.conn, tenant_id=tenant_id, payment_ids=[payment_id])
        await self._others.invoices.hold(tx, [(tenant_id, row.invoice_id) for row in allocations])
        credit = await self._credit(tx, payment, allocations, amount, at)
        parts = _of_invoices(allocations, amount - credit)
        missing = amount - credit - sum(part.amount_minor for part in parts)
        if missing:
            raise Conflict(
                f"{missing} of the {amount} minor units went to the customer's credit, which was used since; refund at most "
                f"{amount - missing}",
                code="credit_was_used",
            )
        reason = wanted.reason
        if wanted.invoice == "reopen":
            await self._others.invoices.unsettle(
                tx, [Reversal(tenant_id, part.invoice_id, part.amount_minor, at) for part in parts if part.invoice_id]
            )
        else:
            drawn = await self._others.invoices.refund_credit(
                tx,
                [
                    CreditRefund(tenant_id, part.invoice_id, part.amount_minor, reason, at)
                    for part in parts
                    if part.invoice_id
                ],
            )
            parts = [
                Part(part.invoice_id, part.amount_minor, one.credit_note_id)
                for part, one in zip(parts, drawn, strict=True)
            ]
        if credit:
            await self._others.wallets.draw(
                tx, tenant_id, payment.customer_id, payment.currency, credit, prefer=payment.grant_id, at=at
            )
            parts = [*parts, Part(None, credit)]
        return await self._write(tx, payment, parts, wanted, at)

    async def pay_out_credit(self, tx: Tx, events: Sequence[Envelope[CreditIssued]]) -> None:
        """Credit notes that shall be paid out: of the payments of their invoices, the newest first.

        What no payment can take back stays the customer's credit. A note that was paid out isn't again: its payments are
        found under its invoice, and its grant is drawn from once (the inbox sees to that).
        """
        wanted = [event for event in events if event.payload.refund and event.payload.unapplied_minor]
        for tenant_id, invoice_id in sorted(
            {(e.tenant_id, e.payload.invoice_id) for e in wanted if e.payload.invoice_id}
        ):
            await payments.lock_payments_of_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        for event in sorted(wanted, key=lambda e: (e.tenant_id, e.payload.customer_id, e.payload.currency)):
            note = event.payload
            if note.invoice_id is None:
                continue
            tenant_id = event.tenant_id
            rows = await payments.lock_payments_of_invoice(tx.conn, tenant_id=tenant_id, invoice_id=note.invoice_id)
            paid = rows[::-1]
            at = await self._others.now(tx, tenant_id)
            there = await self._others.wallets.balance(tx, tenant_id, note.customer_id, note.currency, at)
            left = min(note.unapplied_minor, there)
            await payments.allocate_old(tx.conn, tenant_id=tenant_id, payment_ids=[row.payment_id for row in paid])
            allocations = await payments.allocations(
                tx.conn, tenant_id=tenant_id, payment_ids=[row.payment_id for row in paid]
            )
            open_of = {
                row.payment_id: row.amount_minor - row.given_back_minor
                for row in allocations
                if row.invoice_id == note.invoice_id
            }
            order = RefundCreate(f"Credit note {note.number}")
            for payment in paid:
                part = min(left, open_of.get(payment.payment_id, 0))
                if not part:
                    continue
                await self._others.wallets.draw(
                    tx, tenant_id, payment.customer_id, payment.currency, part, prefer=note.grant_id, at=at
                )
                await self._write(tx, payment, [Part(note.invoice_id, part, note.credit_note_id)], order, at)
                left -= part

    async def refundable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Refundable]:
        """What to pay back for these pending refunds (tenant, refund); others are absent."""
        tenant_ids, refund_ids = [key[0] for key in keys], [key[1] for key in keys]
        owners = await refunds.payments_of_refunds(tx.conn, tenant_ids=tenant_ids, refund_ids=refund_ids)
        # Payments first, as everywhere.
        paid = await payments.lock_payments(
            tx.conn,
            tenant_ids=[row.tenant_id for row in owners],
            payment_ids=[row.payment_id for row in owners],
        )
        rows = await refunds.lock_refunds(tx.conn, tenant_ids=tenant_ids, refund_ids=refund_ids)
        pending = [row for row in rows if row.status == "pending"]
        names = {(row.tenant_id, row.payment_id): row.gateway_payment_id for row in paid}
        return {
            (row.tenant_id, row.refund_id): Refundable(row.amount_minor, row.currency, name, row.reason)
            for row in pending
            if (name := names.get((row.tenant_id, row.payment_id))) is not None
        }

    async def _credit(
        self, tx: Tx, payment: Payment, allocations: Sequence[PaymentAllocation], amount: int, at: datetime
    ) -> int:
        """How much comes out of the customer's credit: what was paid too much, or came to be credit since, goes back first."""
        of_invoices = sum(row.amount_minor - row.given_back_minor for row in allocations)
        over = payment.amount_minor - payment.refunded_minor - payment.disputed_minor - of_invoices
        if over <= 0:
            return 0
        there = await self._others.wallets.balance(tx, payment.tenant_id, payment.customer_id, payment.currency, at)
        return min(over, there, amount)

    async def _write(self, tx: Tx, payment: Payment, parts: Sequence[Part], wanted: RefundCreate, at: datetime) -> UUID:
        refund_id, amount = new_id(), sum(part.amount_minor for part in parts)
        reopened = sum(part.amount_minor for part in parts if part.invoice_id) if wanted.invoice == "reopen" else 0
        owner = (refund_id, payment.customer_id, payment.currency, at)
        manual = payment.gateway == MANUAL
        drafts = [journal(payment.tenant_id, "refund", *owner, "Refund", promised(reopened, amount - reopened))]
        if manual:
            entries = paid_out(payment.gateway, amount)
            drafts.append(journal(payment.tenant_id, "refund_paid", *owner, "Refund paid out", entries))
        journal_ids = await self._others.ledger.post(tx, drafts)
        paid_journal_id = journal_ids[1] if manual else None
        await refunds.add_refund(
            tx.conn,
            tenant_id=payment.tenant_id,
            refund_id=refund_id,
            payment_id=payment.payment_id,
            customer_id=payment.customer_id,
            currency=payment.currency,
            amount_minor=amount,
            mode=wanted.invoice,
            reason=wanted.reason,
            refund_reference=wanted.reference,
            status="succeeded" if manual else "pending",
            gateway=payment.gateway,
            gateway_account_id=payment.gateway_account_id,
            journal_id=journal_ids[0],
            paid_journal_id=paid_journal_id,
            requested_at=at,
            settled_at=at if manual else None,
            created_at=self._others.clock(),
            part_nos=list(range(1, len(parts) + 1)),
            invoice_ids=[part.invoice_id for part in parts],
            amounts_minor=[part.amount_minor for part in parts],
            credit_note_ids=[part.credit_note_id for part in parts],
        )
        await payments.give_back(
            tx.conn,
            tenant_id=payment.tenant_id,
            payment_id=payment.payment_id,
            refunded_minor=amount,
            invoice_ids=[part.invoice_id for part in parts if part.invoice_id],
            parts_minor=[part.amount_minor for part in parts if part.invoice_id],
        )
        if paid_journal_id is not None:
            await emit(tx, [refunded(payment, refund_id, parts, amount, paid_journal_id, 1, at)])
        elif payment.gateway_account_id is not None:
            call = WantedCall(
                payment.tenant_id,
                kind="refund",
                subject_id=refund_id,
                payment_id=payment.payment_id,
                account_id=payment.gateway_account_id,
                at=self._others.clock(),
            )
            await request_calls(tx, [call])
        return refund_id


def refunded(
    payment: Payment, refund_id: UUID, parts: Sequence[Part], amount: int, journal_id: UUID, seq: int, at: datetime
) -> NewEvent:
    """A refund went out."""
    payload = PaymentRefunded(
        refund_id=refund_id,
        payment_id=payment.payment_id,
        invoice_id=parts[0].invoice_id if len(parts) == 1 else None,
        customer_id=payment.customer_id,
        currency=payment.currency,
        amount_minor=amount,
        journal_id=journal_id,
        refunded_at=at,
    )
    return NewEvent(payment.tenant_id, refund_id, seq, payload, at)


def _refundable(payment: Payment, wanted: int | None) -> int:
    """How much shall go back. Raises `Conflict` for more than is left, or a payment that isn't there to give back."""
    if payment.status != "succeeded":
        advice = "wait for the dispute's end" if payment.status == "disputed" else "only what arrived can be refunded"
        raise Conflict(f"payment {payment.payment_id} is {payment.status}; {advice}", code="payment_state")
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    amount = left if wanted is None else wanted
    if amount > left or not left:
        raise Conflict(
            f"{from_minor(left, payment.currency)} {payment.currency} is left of the payment; refund at most {left} minor units",
            code="more_than_was_paid",
        )
    return amount


def _of_invoices(allocations: Sequence[PaymentAllocation], amount: int) -> list[Part]:
    """The amount over the invoices that were paid, the one allocated last first, as far as it goes."""
    parts: list[Part] = []
    for row in reversed(allocations):
        if part := min(amount, row.amount_minor - row.given_back_minor):
            parts.append(Part(row.invoice_id, part))
            amount -= part
    return parts
