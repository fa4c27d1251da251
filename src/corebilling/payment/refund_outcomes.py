"""What gateways say of refunds, taken in: paid out, or the customer has the money's worth again."""

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from corebilling.kernel.settlement import GrantDraft, Settlement
from corebilling.payment.domain.outcome import RefundOutcome, join_refund
from corebilling.payment.domain.posting import journal, not_paid_out, paid_out
from corebilling.payment.domain.states import RefundStatus
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import payments, refunds
from corebilling.payment.queries.models import Payment, Refund, RefundPart
from corebilling.payment.refunding import Part, refunded
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class RefundOutcomes:
    """Takes in what became of refunds, in any order and number."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def record(self, tx: Tx, outcomes: Sequence[RefundOutcome]) -> None:
        """Join outcomes with what is known of their refunds, and do what follows, once. Unknown refunds are ignored.

        Refunds are few beside payments: each is posted by itself.
        """
        told: dict[Key, list[RefundOutcome]] = defaultdict(list)
        for outcome in outcomes:
            told[outcome.tenant_id, outcome.refund_id].append(outcome)
        tenant_ids, refund_ids = [key[0] for key in told], [key[1] for key in told]
        owners = await refunds.payments_of_refunds(tx.conn, tenant_ids=tenant_ids, refund_ids=refund_ids)
        paid = await payments.lock_payments(
            tx.conn,
            tenant_ids=[row.tenant_id for row in owners],
            payment_ids=[row.payment_id for row in owners],
        )
        by_key = {(row.tenant_id, row.payment_id): row for row in paid}
        rows = await refunds.lock_refunds(tx.conn, tenant_ids=tenant_ids, refund_ids=refund_ids)
        parts = await refunds.parts(tx.conn, tenant_ids=tenant_ids, refund_ids=refund_ids)
        for row in rows:
            own, known = [part for part in parts if part.refund_id == row.refund_id], row
            for outcome in told[row.tenant_id, row.refund_id]:
                known = await self._take(tx, known, by_key[row.tenant_id, row.payment_id], own, outcome)

    async def _take(
        self, tx: Tx, row: Refund, payment: Payment, parts: Sequence[RefundPart], told: RefundOutcome
    ) -> Refund:
        known: RefundStatus = row.status  # type: ignore[assignment]
        status = join_refund(known, told.kind)
        if status == known:
            return row
        after = replace(
            row,
            status=status,
            gateway_refund_id=row.gateway_refund_id or told.gateway_refund_id,
            settled_at=told.at if status in ("succeeded", "failed") else None,
        )
        if status == "succeeded":
            after = await self._paid_out(tx, after, payment, parts, told)
        elif status == "failed":
            after = await self._failed(tx, after, parts, told)
        await refunds.change_refund(
            tx.conn,
            tenant_id=row.tenant_id,
            refund_id=row.refund_id,
            status=status,
            gateway_refund_id=after.gateway_refund_id,
            paid_journal_id=after.paid_journal_id,
            failed_journal_id=after.failed_journal_id,
            failure_code=after.failure_code,
            failure_message=after.failure_message,
            settled_at=after.settled_at,
        )
        return replace(after, seq=row.seq + 1)

    async def _paid_out(
        self, tx: Tx, row: Refund, payment: Payment, parts: Sequence[RefundPart], told: RefundOutcome
    ) -> Refund:
        owner = (row.refund_id, row.customer_id, row.currency, told.at)
        entries = paid_out(row.gateway, row.amount_minor)
        [journal_id] = await self._others.ledger.post(
            tx, [journal(row.tenant_id, "refund_paid", *owner, "Refund paid out", entries)]
        )
        taken = [Part(part.invoice_id, part.amount_minor) for part in parts]
        await emit(tx, [refunded(payment, row.refund_id, taken, row.amount_minor, journal_id, row.seq + 1, told.at)])
        return replace(row, paid_journal_id=journal_id)

    async def _failed(self, tx: Tx, row: Refund, parts: Sequence[RefundPart], told: RefundOutcome) -> Refund:
        """Invoices that were reopened are paid by it again as far as they are open; the rest is the customer's credit."""
        reopened = [part for part in parts if part.invoice_id and row.mode == "reopen"]
        settled = await self._others.invoices.settle(
            tx,
            [
                Settlement(row.tenant_id, part.invoice_id, part.amount_minor, row.currency, told.at, at_most=True)
                for part in reopened
                if part.invoice_id
            ],
        )
        again = sum(one.amount_minor for one in settled)
        granted = row.amount_minor - again
        entries = not_paid_out(row.gateway, row.paid_journal_id is not None, again, granted)
        owner = (row.refund_id, row.customer_id, row.currency, told.at)
        [journal_id] = await self._others.ledger.post(
            tx, [journal(row.tenant_id, "refund_failed", *owner, "Refund failed", entries)]
        )
        if granted:
            grant = GrantDraft(
                row.tenant_id, row.customer_id, row.currency, granted, "refund_failed", told.at, row.refund_id, journal_id
            )  # fmt: skip
            await self._others.wallets.grant(tx, [grant])
        back = [one for one in settled if one.amount_minor]
        await payments.give_back(
            tx.conn,
            tenant_id=row.tenant_id,
            payment_id=row.payment_id,
            refunded_minor=-row.amount_minor,
            invoice_ids=[one.invoice_id for one in back],
            parts_minor=[-one.amount_minor for one in back],
        )
        return replace(
            row, failed_journal_id=journal_id, failure_code=told.code or "failed", failure_message=told.message
        )
