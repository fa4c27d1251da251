"""What payments do when others tell of something."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import (
    CreditIssued,
    InvoiceGenerated,
    InvoicePaid,
    InvoiceUncollectible,
    InvoiceVoided,
)
from corebilling.payment.service import PaymentService
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx


async def on_invoice_generated(service: PaymentService, tx: Tx, events: Sequence[Envelope[InvoiceGenerated]]) -> None:
    """Charge those who agreed to it, and begin to watch those that shall be dunned."""
    await service.begin_collections(tx, events)


async def on_invoice_paid(service: PaymentService, tx: Tx, events: Sequence[Envelope[InvoicePaid]]) -> None:
    """Nothing is left to collect."""
    await service.look_again(
        tx, {(event.tenant_id, event.payload.invoice_id): event.payload.paid_at for event in events}
    )


async def on_invoice_voided(service: PaymentService, tx: Tx, events: Sequence[Envelope[InvoiceVoided]]) -> None:
    """It isn't owed any more."""
    await service.look_again(
        tx, {(event.tenant_id, event.payload.invoice_id): event.payload.voided_at for event in events}
    )


async def on_invoice_uncollectible(
    service: PaymentService, tx: Tx, events: Sequence[Envelope[InvoiceUncollectible]]
) -> None:
    """It was given up."""
    await service.look_again(tx, {(event.tenant_id, event.payload.invoice_id): event.payload.at for event in events})


async def on_credit_issued(service: PaymentService, tx: Tx, events: Sequence[Envelope[CreditIssued]]) -> None:
    """Credit notes that shall be paid out."""
    await service.pay_out_credit(tx, events)


HANDLERS: HandlerTable[PaymentService] = {
    InvoiceGenerated: on_invoice_generated,
    InvoicePaid: on_invoice_paid,
    InvoiceVoided: on_invoice_voided,
    InvoiceUncollectible: on_invoice_uncollectible,
    CreditIssued: on_credit_issued,
}
