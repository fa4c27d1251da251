"""Chargebacks: the gateway takes money back, and gives it again if the dispute is won.

They are few, so each is posted by itself. One that is told of before its payment's success waits for that.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import PaymentDisputed
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType
from corebilling.kernel.settlement import GrantDraft, Reversal, Settlement
from corebilling.payment.domain.outcome import DisputeNotice, join_dispute
from corebilling.payment.domain.posting import MANUAL, charged_back, journal, won_back
from corebilling.payment.domain.states import ARRIVED, DisputeStatus, Status
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import disputes, payments
from corebilling.payment.queries.models import Dispute, Payment
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Disputing:
    """Takes in what gateways say of disputes, in any order and number."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def record(self, tx: Tx, notices: Sequence[DisputeNotice]) -> None:
        """Join notices with what is known of their disputes, and do what follows, once. Unknown payments are ignored."""
        keys = sorted({(notice.tenant_id, notice.payment_id) for notice in notices})
        rows = await payments.lock_payments(
            tx.conn, tenant_ids=[tenant for tenant, _ in keys], payment_ids=[payment for _, payment in keys]
        )
        paid = {(row.tenant_id, row.payment_id): row for row in rows if row.gateway != MANUAL}
        known = {(row.payment_id, row.gateway_dispute_id): row for row in await _locked(tx, list(paid))}
        await self._hold(tx, list(paid.values()))
        for notice in notices:
            key = (notice.tenant_id, notice.payment_id)
            if key not in paid:
                continue
            name = (notice.payment_id, notice.gateway_dispute_id)
            before = known.get(name)
            after = await self._add(tx, paid[key], notice) if before is None else _told(before, notice)
            if after == before:
                continue
            others = [row for other, row in known.items() if other != name and other[0] == notice.payment_id]
            paid[key], known[name] = await self._effect(tx, paid[key], after, others, notice.at)

    async def _hold(self, tx: Tx, paid: Sequence[Payment]) -> None:
        """All that these payments paid is locked before any credit, and that in the order of its owners."""
        rows = [
            row
            for one in paid
            for row in await payments.allocations(tx.conn, tenant_id=one.tenant_id, payment_ids=[one.payment_id])
        ]
        await self._others.invoices.hold(tx, [(row.tenant_id, row.invoice_id) for row in rows])
        now = self._others.clock()
        for owner in sorted({(one.tenant_id, one.customer_id, one.currency) for one in paid}):
            await self._others.wallets.balance(tx, *owner, now)

    async def take_effect(self, tx: Tx, arrived: Sequence[Payment]) -> None:
        """Payments have arrived: what was told of their disputes before counts now."""
        waiting = await _locked(tx, [(row.tenant_id, row.payment_id) for row in arrived]) if arrived else []
        paid = {row.payment_id: row for row in arrived}
        done: list[Dispute] = []
        for row in waiting:
            others = [other for other in done if other.payment_id == row.payment_id]
            paid[row.payment_id], after = await self._effect(
                tx, paid[row.payment_id], row, others, row.closed_at or row.opened_at
            )
            done.append(after)

    async def _add(self, tx: Tx, payment: Payment, notice: DisputeNotice) -> Dispute:
        row = Dispute(
            tenant_id=notice.tenant_id,
            dispute_id=new_id(),
            payment_id=notice.payment_id,
            customer_id=payment.customer_id,
            gateway_dispute_id=notice.gateway_dispute_id,
            currency=payment.currency,
            amount_minor=notice.amount_minor,
            fee_minor=notice.fee_minor,
            lost_minor=0,
            status=notice.status,
            reason=notice.reason,
            journal_id=None,
            won_journal_id=None,
            opened_at=notice.at,
            closed_at=None if notice.status == "opened" else notice.at,
            created_at=self._others.clock(),
            seq=1,
        )
        await disputes.add_dispute(
            tx.conn,
            tenant_id=row.tenant_id,
            dispute_id=row.dispute_id,
            payment_id=row.payment_id,
            customer_id=row.customer_id,
            gateway_dispute_id=row.gateway_dispute_id,
            currency=row.currency,
            amount_minor=row.amount_minor,
            fee_minor=row.fee_minor,
            status=row.status,
            reason=row.reason,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            created_at=row.created_at,
        )
        return row

    async def _effect(
        self, tx: Tx, payment: Payment, dispute: Dispute, others: Sequence[Dispute], at: datetime
    ) -> tuple[Payment, Dispute]:
        """Post what hasn't been yet of a dispute that was locked or just added, and write where it stands."""
        if payment.status in ARRIVED:
            if dispute.journal_id is None:
                payment, dispute = await self._charge_back(tx, payment, dispute, at)
            if dispute.status == "won" and dispute.won_journal_id is None:
                payment, dispute = await self._win_back(tx, payment, dispute, at)
            hanging = dispute.status != "won" or any(row.status != "won" for row in others)
            status: Status = "disputed" if hanging else "succeeded"
            await payments.dispute(
                tx.conn,
                tenant_id=payment.tenant_id,
                payment_id=payment.payment_id,
                disputed_minor=0,
                status=status,
                invoice_ids=[],
                parts_minor=[],
            )
            payment = replace(payment, status=status, seq=payment.seq + 1)
            await emit(tx, [_disputed(payment, dispute, at)])
        await disputes.change_dispute(
            tx.conn,
            tenant_id=dispute.tenant_id,
            dispute_id=dispute.dispute_id,
            status=dispute.status,
            closed_at=dispute.closed_at,
            journal_id=dispute.journal_id,
            won_journal_id=dispute.won_journal_id,
            lost_minor=dispute.lost_minor,
            seq=dispute.seq + 1,
        )
        return payment, replace(dispute, seq=dispute.seq + 1)

    async def _charge_back(self, tx: Tx, payment: Payment, dispute: Dispute, at: datetime) -> tuple[Payment, Dispute]:
        """The invoices that it paid are owed again; of the rest the customer's credit is taken, as far as it is there."""
        allocations = await payments.allocations(tx.conn, tenant_id=payment.tenant_id, payment_ids=[payment.payment_id])
        left = min(dispute.amount_minor, payment.amount_minor - payment.refunded_minor - payment.disputed_minor)
        parts: list[tuple[UUID | None, int]] = []
        for row in allocations:
            if part := min(left, row.amount_minor - row.given_back_minor):
                parts.append((row.invoice_id, part))
                left -= part
        reopened = sum(amount for _, amount in parts)
        await self._others.invoices.unsettle(
            tx, [Reversal(payment.tenant_id, invoice, amount, at) for invoice, amount in parts if invoice]
        )
        drawn = 0
        if left:
            owner = (payment.tenant_id, payment.customer_id, payment.currency)
            drawn = min(left, await self._others.wallets.balance(tx, *owner, at))
            if drawn:
                await self._others.wallets.draw(tx, *owner, drawn, prefer=payment.grant_id, at=at)
                parts.append((None, drawn))
        lost = dispute.amount_minor - reopened - drawn
        entries = charged_back(payment.gateway, reopened, drawn, lost, dispute.fee_minor)
        journal_id = await self._post(tx, "dispute", dispute, at, "Chargeback", entries)
        await _move(tx, payment, parts, 1)
        await disputes.add_dispute_parts(
            tx.conn,
            tenant_id=dispute.tenant_id,
            dispute_id=dispute.dispute_id,
            part_nos=list(range(1, len(parts) + 1)),
            invoice_ids=[invoice for invoice, _ in parts],
            amounts_minor=[amount for _, amount in parts],
        )
        payment = replace(
            payment, disputed_minor=payment.disputed_minor + reopened + drawn, status="disputed", seq=payment.seq + 1
        )
        return payment, replace(dispute, journal_id=journal_id, lost_minor=lost)

    async def _win_back(self, tx: Tx, payment: Payment, dispute: Dispute, at: datetime) -> tuple[Payment, Dispute]:
        """The money is back: the invoices are paid by it again as far as they are open, the rest is the customer's credit."""
        rows = await disputes.dispute_parts(tx.conn, tenant_id=dispute.tenant_id, dispute_id=dispute.dispute_id)
        settled = await self._others.invoices.settle(
            tx,
            [
                Settlement(dispute.tenant_id, row.invoice_id, row.amount_minor, dispute.currency, at, at_most=True)
                for row in rows
                if row.invoice_id
            ],
        )
        again = sum(one.amount_minor for one in settled)
        granted = sum(row.amount_minor for row in rows) - again
        entries = won_back(payment.gateway, again, granted, dispute.lost_minor)
        journal_id = await self._post(tx, "dispute_won", dispute, at, "Chargeback won", entries)
        if granted:
            grant = GrantDraft(
                payment.tenant_id, payment.customer_id, payment.currency, granted, "overpayment", at, dispute.dispute_id,
                journal_id,
            )  # fmt: skip
            await self._others.wallets.grant(tx, [grant])
        parts: list[tuple[UUID | None, int]] = [
            (one.invoice_id, one.amount_minor) for one in settled if one.amount_minor
        ]
        if granted:
            parts.append((None, granted))
        await _move(tx, payment, parts, -1)
        payment = replace(
            payment, disputed_minor=payment.disputed_minor - again - granted, status="disputed", seq=payment.seq + 1
        )
        return payment, replace(dispute, won_journal_id=journal_id)

    async def _post(
        self,
        tx: Tx,
        kind: DocumentType,
        dispute: Dispute,
        at: datetime,
        description: str,
        entries: Sequence[tuple[str, int]],
    ) -> UUID:
        draft = journal(
            dispute.tenant_id, kind, dispute.dispute_id, dispute.customer_id, dispute.currency, at, description, entries
        )
        [journal_id] = await self._others.ledger.post(tx, [draft])
        return journal_id


async def _locked(tx: Tx, keys: Sequence[Key]) -> list[Dispute]:
    return await disputes.lock_disputes(
        tx.conn, tenant_ids=[tenant for tenant, _ in keys], payment_ids=[payment for _, payment in keys]
    )


async def _move(tx: Tx, payment: Payment, parts: Sequence[tuple[UUID | None, int]], sign: int) -> None:
    """So much of the payment is disputed (sign 1), or not any more (-1)."""
    await payments.dispute(
        tx.conn,
        tenant_id=payment.tenant_id,
        payment_id=payment.payment_id,
        disputed_minor=sign * sum(amount for _, amount in parts),
        status="disputed",
        invoice_ids=[invoice for invoice, _ in parts if invoice],
        parts_minor=[sign * amount for invoice, amount in parts if invoice],
    )


def _told(known: Dispute, notice: DisputeNotice) -> Dispute:
    before: DisputeStatus = known.status  # type: ignore[assignment]
    status = join_dispute(before, notice.status)
    return known if status == before else replace(known, status=status, closed_at=notice.at)


def _disputed(payment: Payment, dispute: Dispute, at: datetime) -> NewEvent:
    payload = PaymentDisputed(
        dispute_id=dispute.dispute_id,
        payment_id=payment.payment_id,
        customer_id=payment.customer_id,
        currency=payment.currency,
        amount_minor=dispute.amount_minor,
        status=dispute.status,
        reason=dispute.reason,
        at=at,
    )
    return NewEvent(payment.tenant_id, payment.payment_id, payment.seq, payload, at)
