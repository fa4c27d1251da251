"""What gateways say of payments, taken in: the one place where a payment of a gateway settles, is posted and told of."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec.structs import replace

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import PaymentFailed, PaymentSucceeded
from corebilling.kernel.settlement import GrantDraft, Settlement
from corebilling.payment.domain.outcome import Known, Outcome, join
from corebilling.payment.domain.posting import journal, received
from corebilling.payment.domain.states import IN_FLIGHT, Status
from corebilling.payment.metrics import OUTCOMES
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import payments as queries
from corebilling.payment.queries.models import Payment
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Collector(Protocol):
    """Goes on collecting once a payment's outcome is known."""

    async def locked(self, tx: Tx, keys: Sequence[Key]) -> Sequence[object]:
        """The collections of these invoices, which stay locked."""
        ...

    async def after_outcomes(
        self, tx: Tx, failed: dict[Key, datetime], arrived: dict[Key, datetime]
    ) -> dict[Key, datetime]:
        """Of these invoices a payment failed or arrived at that time; answers when they are tried again."""
        ...


class Chargebacks(Protocol):
    """Disputes that were told of before their payment's success."""

    async def take_effect(self, tx: Tx, arrived: Sequence[Payment]) -> None:
        """Post what waited for these payments."""
        ...


class Outcomes:
    """Takes in outcomes in any order and number."""

    def __init__(self, others: Others, collector: Collector, chargebacks: Chargebacks) -> None:
        self._others = others
        self._collector = collector
        self._chargebacks = chargebacks

    async def record(self, tx: Tx, outcomes: Sequence[Outcome]) -> None:
        """Join outcomes with what is known of their payments, and do what follows, once. Unknown payments are ignored."""
        told: dict[Key, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            told[outcome.tenant_id, outcome.payment_id].append(outcome)
        if not told:
            return
        before = await queries.lock_payments(
            tx.conn, tenant_ids=[tenant for tenant, _ in told], payment_ids=[payment for _, payment in told]
        )
        # Collections before anything is written: who attempts one holds it and may wait for its invoice's payment to be written.
        await self._collector.locked(tx, [(row.tenant_id, row.invoice_id) for row in before if row.invoice_id])
        after: list[Payment] = []
        successes: list[tuple[Payment, Outcome]] = []
        for row in before:
            if row.gateway == "manual":
                continue
            changed, success = _joined(row, told[row.tenant_id, row.payment_id])
            if success is not None:
                successes.append((changed, success))
            elif changed != row:
                after.append(changed)
        open_ids = {row.payment_id for row in before if row.status in IN_FLIGHT}
        failures = [row for row in after if row.status in ("failed", "canceled") and row.payment_id in open_ids]
        arrived = await self._arrive(tx, successes)
        await _write(tx, [*after, *arrived])
        await _allocate(tx, arrived)
        again = await self._collector.after_outcomes(tx, _instants(failures), _instants(arrived))
        await emit(tx, [*(_failed(row, again) for row in failures), *(_succeeded(row) for row in arrived)])
        await self._chargebacks.take_effect(tx, arrived)
        for row in (*failures, *arrived):
            tx.once_committed(OUTCOMES.labels(row.status).inc)

    async def _arrive(self, tx: Tx, successes: Sequence[tuple[Payment, Outcome]]) -> list[Payment]:
        """Settle what arrived as far as the invoices go, post it, and give the rest as credit."""
        if not successes:
            return []
        settled = await self._others.invoices.settle(tx, [_settlement(row) for row, _ in successes])
        split = [
            replace(row, allocated_minor=one.amount_minor, credited_minor=row.amount_minor - one.amount_minor)
            for (row, _), one in zip(successes, settled, strict=True)
        ]
        drafts = [
            journal(
                row.tenant_id, "payment", row.payment_id, row.customer_id, row.currency, _paid_at(row),
                f"Payment of invoice {row.reference}",
                received(row.gateway, row.allocated_minor or 0, row.credited_minor, row.fee_minor),
            )
            for row in split
        ]  # fmt: skip
        journal_ids = await self._others.ledger.post(tx, drafts)
        posted = [replace(row, journal_id=journal_id) for row, journal_id in zip(split, journal_ids, strict=True)]
        over = [row for row in posted if row.credited_minor]
        grants = await self._others.wallets.grant(
            tx,
            [
                GrantDraft(
                    row.tenant_id, row.customer_id, row.currency, row.credited_minor, "overpayment", _paid_at(row),
                    row.payment_id, row.journal_id,
                )
                for row in over
            ],
        ) if over else []  # fmt: skip
        granted = dict(zip([row.payment_id for row in over], grants, strict=True))
        return [replace(row, grant_id=granted.get(row.payment_id)) for row in posted]


def _joined(row: Payment, told: Sequence[Outcome]) -> tuple[Payment, Outcome | None]:
    """The payment after these outcomes, and the success among them if it is new."""
    status: Status = row.status  # type: ignore[assignment]
    known = Known(status, row.outcome_at, row.failure_code or "", row.failure_message or "", row.next_action_url)
    success: Outcome | None = None
    gateway_payment_id = row.gateway_payment_id
    for outcome in told:
        gateway_payment_id = gateway_payment_id or outcome.gateway_payment_id
        joined = join(known, outcome)
        if joined.status == "succeeded" and known.status not in ("succeeded", "disputed"):
            success = outcome
        known = joined
    changed = replace(
        row,
        status=known.status,
        outcome_at=known.at,
        failure_code=known.code or None,
        failure_message=known.message or None,
        next_action_url=known.next_action_url,
        gateway_payment_id=gateway_payment_id,
    )
    if changed != row:
        changed = replace(changed, seq=row.seq + 1)
    if success is not None:
        amount = row.amount_minor if success.amount_minor is None else success.amount_minor
        changed = replace(changed, amount_minor=amount, fee_minor=success.fee_minor, paid_at=success.at)
    return changed, success


def _paid_at(row: Payment) -> datetime:
    assert row.paid_at is not None
    return row.paid_at


def _settlement(row: Payment) -> Settlement:
    assert row.invoice_id is not None
    return Settlement(row.tenant_id, row.invoice_id, row.amount_minor, row.currency, _paid_at(row), at_most=True)


def _instants(rows: Sequence[Payment]) -> dict[Key, datetime]:
    return {(row.tenant_id, row.invoice_id): row.outcome_at for row in rows if row.invoice_id and row.outcome_at}


async def _write(tx: Tx, rows: Sequence[Payment]) -> None:
    if not rows:
        return
    await queries.change(
        tx.conn,
        tenant_ids=[row.tenant_id for row in rows],
        payment_ids=[row.payment_id for row in rows],
        statuses=[row.status for row in rows],
        gateway_payment_ids=[row.gateway_payment_id for row in rows],
        failure_codes=[row.failure_code for row in rows],
        failure_messages=[row.failure_message for row in rows],
        next_action_urls=[row.next_action_url for row in rows],
        outcome_ats=[row.outcome_at for row in rows],
        seqs=[row.seq for row in rows],
        journal_ids=[row.journal_id for row in rows],
        paid_ats=[row.paid_at for row in rows],
        amounts_minor=[row.amount_minor for row in rows],
        allocateds_minor=[row.allocated_minor for row in rows],
        crediteds_minor=[row.credited_minor for row in rows],
        fees_minor=[row.fee_minor for row in rows],
        grant_ids=[row.grant_id for row in rows],
    )


async def _allocate(tx: Tx, arrived: Sequence[Payment]) -> None:
    paid = [row for row in arrived if row.allocated_minor]
    if paid:
        await queries.add_allocations(
            tx.conn,
            tenant_ids=[row.tenant_id for row in paid],
            payment_ids=[row.payment_id for row in paid],
            invoice_ids=[row.invoice_id for row in paid],
            amounts_minor=[row.allocated_minor for row in paid],
        )


def _succeeded(row: Payment) -> NewEvent:
    assert row.journal_id is not None
    payload = PaymentSucceeded(
        payment_id=row.payment_id,
        invoice_id=row.invoice_id if row.allocated_minor else None,
        customer_id=row.customer_id,
        currency=row.currency,
        amount_minor=row.amount_minor,
        method=row.method,
        reference=row.reference,
        journal_id=row.journal_id,
        paid_at=_paid_at(row),
        allocated_minor=row.allocated_minor,
        gateway=row.gateway,
    )
    return NewEvent(row.tenant_id, row.payment_id, row.seq, payload, payload.paid_at)


def _failed(row: Payment, again: dict[Key, datetime]) -> NewEvent:
    assert row.outcome_at is not None
    invoice: UUID | None = row.invoice_id
    payload = PaymentFailed(
        payment_id=row.payment_id,
        invoice_id=invoice,
        customer_id=row.customer_id,
        currency=row.currency,
        amount_minor=row.amount_minor,
        gateway=row.gateway,
        code=row.failure_code or row.status,
        message=row.failure_message or "",
        failed_at=row.outcome_at,
        next_attempt_at=again.get((row.tenant_id, invoice)) if invoice else None,
    )
    return NewEvent(row.tenant_id, row.payment_id, row.seq, payload, row.outcome_at)
