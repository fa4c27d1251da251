"""Payments that a gateway shall take: asked for here, made by the worker (gateways/)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.payment import PaymentRequested
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import from_minor
from corebilling.payment.domain.outcome import Chargeable, Outcome
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.gateways.calls import WantedCall, request_calls
from corebilling.payment.outcomes import Outcomes
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import methods, payments
from corebilling.payment.queries.models import PaymentMethod
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Wanted(msgspec.Struct, frozen=True):
    """A charge of an invoice by a payment method, at an instant of the tenant's time."""

    tenant_id: UUID
    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    amount_minor: int
    method: PaymentMethod
    at: datetime


class Charging:
    """Asks for payments, one in flight per invoice, and says what to charge when the gateway's turn has come."""

    def __init__(self, others: Others, accounts: GatewayAccounts, outcomes: Outcomes) -> None:
        self._others = others
        self._accounts = accounts
        self._outcomes = outcomes

    async def request(self, tx: Tx, tenant_id: UUID, wanted: PaymentCreate) -> UUID:
        """Ask for a payment of an open invoice; answers its id.

        Raises `NotFound` for the invoice or the method, `Conflict` where another payment is in progress, less is left or the
        customer has no method.
        """
        if wanted.invoice_id is None:
            raise invalid_field(
                "/invoice_id",
                "name the invoice that the gateway shall charge, or the method by which the money arrived",
            )
        invoice = await self._others.invoices.open_invoice(tx, tenant_id, wanted.invoice_id)
        if wanted.currency not in (None, invoice.currency):
            raise invalid_field(
                "/currency", f"invoice {invoice.number} is in {invoice.currency}; pay it in that currency"
            )
        method = await self._method(tx, tenant_id, invoice.customer_id, wanted.payment_method_id)
        await self._accounts.active(tx, tenant_id, method.gateway_account_id)
        amount = invoice.left_minor if wanted.amount_minor is None else wanted.amount_minor
        now = await self._others.now(tx, tenant_id)
        asked = Wanted(
            tenant_id, invoice.invoice_id, invoice.number, invoice.customer_id, invoice.currency, amount, method, now
        )
        started = await self.start(tx, [asked], collection=False)
        if not started:
            raise Conflict(
                f"a payment of invoice {invoice.number} is in progress; wait for its outcome, the invoice is charged once at a time",
                code="payment_in_progress",
            )
        # Read again behind the row just written: whoever was charged before has settled by now.
        invoice = await self._others.invoices.open_invoice(tx, tenant_id, wanted.invoice_id)
        if amount > invoice.left_minor:
            raise Conflict(
                f"{from_minor(amount, invoice.currency)} {invoice.currency} is more than the "
                f"{from_minor(invoice.left_minor, invoice.currency)} {invoice.currency} left on invoice {invoice.number}; "
                f"charge at most {invoice.left_minor} minor units",
                code="more_than_is_left",
            )
        return started[asked.tenant_id, asked.invoice_id]

    async def start(self, tx: Tx, wanted: Sequence[Wanted], *, collection: bool) -> dict[Key, UUID]:
        """Ask for charges; answers the payments by invoice, without those whose invoice has one in flight."""
        if not wanted:
            return {}
        ids = [new_id() for _ in wanted]
        by_id = dict(zip(ids, wanted, strict=True))
        rows = await payments.add_pending(
            tx.conn,
            created_at=self._others.clock(),
            collection=collection,
            tenant_ids=[one.tenant_id for one in wanted],
            payment_ids=ids,
            invoice_ids=[one.invoice_id for one in wanted],
            customer_ids=[one.customer_id for one in wanted],
            currencies=[one.currency for one in wanted],
            amounts_minor=[one.amount_minor for one in wanted],
            methods=[one.method.kind for one in wanted],
            payment_references=[one.number for one in wanted],
            requested_ats=[one.at for one in wanted],
            gateways=[one.method.gateway for one in wanted],
            gateway_account_ids=[one.method.gateway_account_id for one in wanted],
            payment_method_ids=[one.method.payment_method_id for one in wanted],
        )
        asked = {row.payment_id: by_id[row.payment_id] for row in rows}
        await emit(tx, [_requested(payment_id, one) for payment_id, one in asked.items()])
        at = self._others.clock()
        await request_calls(
            tx,
            [
                WantedCall(
                    one.tenant_id,
                    kind="charge",
                    subject_id=payment_id,
                    payment_id=payment_id,
                    account_id=one.method.gateway_account_id,
                    at=at,
                )
                for payment_id, one in asked.items()
            ],
        )
        return {(one.tenant_id, one.invoice_id): payment_id for payment_id, one in asked.items()}

    async def chargeable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Chargeable]:
        """What to charge for pending payments (tenant, payment), before their first call: no more than is left by now.

        One whose invoice was paid otherwise is canceled, and absent like all that isn't pending.
        """
        rows = await payments.lock_payments(
            tx.conn, tenant_ids=[key[0] for key in keys], payment_ids=[key[1] for key in keys]
        )
        pending = [row for row in rows if row.status == "pending" and row.invoice_id and row.payment_method_id]
        found = await methods.methods_by_ids(
            tx.conn,
            tenant_ids=[row.tenant_id for row in pending],
            payment_method_ids=[row.payment_method_id for row in pending],
        )
        by_id = {(method.tenant_id, method.payment_method_id): method for method in found}
        standing = await self._others.invoices.standing(
            tx, [(row.tenant_id, row.invoice_id) for row in pending if row.invoice_id]
        )
        clocks = await self._others.clocks.now(tx, {row.tenant_id for row in pending})
        answer: dict[Key, Chargeable] = {}
        dropped: list[Outcome] = []
        for row in pending:
            assert row.invoice_id
            assert row.payment_method_id
            stands = standing.get((row.tenant_id, row.invoice_id))
            method = by_id.get((row.tenant_id, row.payment_method_id))
            amount = min(row.amount_minor, stands.left_minor) if stands else 0
            if amount and method and method.status == "active":
                answer[row.tenant_id, row.payment_id] = Chargeable(
                    amount,
                    row.currency,
                    row.customer_id,
                    method.token,
                    method.gateway_customer,
                    f"Invoice {row.reference}",
                )
                continue
            why = ("invoice_settled", "Nothing is left to pay.") if not amount else (
                "method_detached", "The payment method was detached; charge another."
            )  # fmt: skip
            dropped.append(
                Outcome(
                    row.tenant_id,
                    row.payment_id,
                    "canceled",
                    clocks[row.tenant_id],
                    code=why[0],
                    message=why[1],
                )
            )
        await self._outcomes.record(tx, dropped)
        return answer

    async def _method(
        self, tx: Tx, tenant_id: UUID, customer_id: UUID, payment_method_id: UUID | None
    ) -> PaymentMethod:
        if payment_method_id is None:
            found = await methods.defaults(tx.conn, tenant_ids=[tenant_id], customer_ids=[customer_id])
            if not found:
                raise Conflict(
                    "the customer has no default payment method; add one, or say by which method the money arrived",
                    code="no_payment_method",
                )
            return found[0]
        method = await methods.get_method(tx.conn, tenant_id=tenant_id, payment_method_id=payment_method_id)
        if method is None or method.customer_id != customer_id:
            raise NotFound(
                f"the invoice's customer has no payment method {payment_method_id}; list the customer's methods",
                code="payment_method_not_found",
            )
        if method.status != "active":
            raise Conflict("the payment method was detached; use another", code="payment_method_detached")
        return method


def _requested(payment_id: UUID, one: Wanted) -> NewEvent:
    payload = PaymentRequested(
        payment_id=payment_id,
        invoice_id=one.invoice_id,
        customer_id=one.customer_id,
        currency=one.currency,
        amount_minor=one.amount_minor,
        gateway=one.method.gateway,
        payment_method_id=one.method.payment_method_id,
        requested_at=one.at,
    )
    return NewEvent(one.tenant_id, payment_id, 1, payload, one.at)
