"""One-off invoices: a draft is written, then finalised or deleted."""

from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.invoice import announcing
from corebilling.invoice.domain.document import Document, Line, buyer_of, one_off, one_off_line, seller_of
from corebilling.invoice.domain.issue import issue
from corebilling.invoice.domain.states import demand
from corebilling.invoice.issuing import Final, post, take_numbers, write_draft
from corebilling.invoice.metrics import GENERATED
from corebilling.invoice.ports import Clocks, Customers, Ledger, Tenants
from corebilling.invoice.queries import invoices as reads
from corebilling.invoice.queries import lifecycle as queries
from corebilling.invoice.reading import buyer, seller
from corebilling.invoice.schemas import InvoiceCreate, LineCreate
from corebilling.invoice.settling import locked
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, Invalid, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import exponent
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

LARGEST = Decimal(10) ** 15
FINEST = -12


class Drafting:
    """Writes, finalises and deletes drafts."""

    def __init__(self, *, clock: Clock, tenants: Tenants, customers: Customers, clocks: Clocks, ledger: Ledger) -> None:
        self._clock = clock
        self._tenants = tenants
        self._customers = customers
        self._clocks = clocks
        self._ledger = ledger

    async def create(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> UUID:
        """Write a draft. Raises `NotFound` for the customer, `Invalid` for lines that can't be invoiced."""
        customer = await self._customers.by_ref(tx, tenant_id, wanted.customer_id)
        tenant = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        currency = wanted.currency or customer.currency
        exponent(currency)
        lines = [_line(no, line, currency) for no, line in enumerate(wanted.lines)]
        document = one_off(new_id(), currency, lines, tenant, customer)
        await write_draft(tx, document, self._clock())
        return document.invoice_id

    async def finalise(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Issue a draft in the tenant's time: journal, number, state. Raises `NotFound`, or `Conflict` unless it is a draft."""
        state = (await locked(tx, [(tenant_id, invoice_id)])).get((tenant_id, invoice_id))
        if state is None:
            raise unknown(invoice_id)
        demand(invoice_id, state.status, "open")
        document = await self._refreshed(tx, tenant_id, invoice_id)
        tenant = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        terms = issue(tenant.invoice_prefix, tenant.time_zone, tenant.net_days, now, document.total_minor)
        final = Final(document, terms, None)
        journals = await post(tx, self._ledger, [final])
        [number] = await take_numbers(tx, [final])
        await queries.settle(
            tx.conn,
            tenant_ids=[tenant_id],
            invoice_ids=[invoice_id],
            statuses=[terms.status],
            paids_minor=[0],
            credits_minor=[0],
            seqs=[state.seq + 1],
            changed_ats=[now],
        )
        await queries.finalise(
            tx.conn,
            tenant_id=tenant_id,
            invoice_id=invoice_id,
            series=terms.series,
            number=number,
            issued_at=now,
            due_at=terms.due_at,
            journal_id=journals.get(invoice_id),
            seller=msgspec.json.encode(document.seller).decode(),
            customer=msgspec.json.encode(document.buyer).decode(),
        )
        events: list[NewEvent] = announcing.issued(document, terms, number, journals, state.seq + 1, None)
        await emit(tx, events)
        tx.once_committed(GENERATED.inc)

    async def delete(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Delete a draft. Raises `NotFound`, or `Conflict` for a final invoice."""
        if await queries.delete_draft(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id):
            return
        if await reads.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id):
            raise Conflict(f"invoice {invoice_id} is final and can't be deleted; void it instead", code="invoice_state")
        raise unknown(invoice_id)

    async def _refreshed(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> Document:
        """The draft with the parties as they stand now. Its lines are not needed: they were checked to make up its total."""
        draft = await reads.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        if draft is None:
            raise unknown(invoice_id)
        key = (tenant_id, draft.customer_id)
        customer = (await self._customers.profiles(tx, [key])).get(key)
        tenant = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        return Document(
            tenant_id=tenant_id,
            invoice_id=invoice_id,
            customer_id=draft.customer_id,
            currency=draft.currency,
            lines=(),
            total_minor=draft.total_minor,
            seller=seller_of(tenant) if tenant else seller(draft),
            buyer=buyer_of(customer) if customer else buyer(draft),
            source=None,
        )


def unknown(invoice_id: UUID) -> NotFound:
    """No such invoice, or not this tenant's."""
    return NotFound(f"there is no invoice {invoice_id}; list invoices to find its id", code="invoice_not_found")


def _line(index: int, line: LineCreate, currency: str) -> Line:
    for name, value in (("quantity", line.quantity), ("unit_amount", line.unit_amount)):
        exponent_ = value.as_tuple().exponent
        if not isinstance(exponent_, int) or abs(value) >= LARGEST or exponent_ < FINEST:
            raise invalid_field(
                f"/lines/{index}/{name}", f"send a number below {LARGEST:f} with at most {-FINEST} decimals"
            )
    if line.quantity < 0:
        raise invalid_field(
            f"/lines/{index}/quantity", "a quantity can't be negative; for a discount make unit_amount negative"
        )
    try:
        return one_off_line(line.description, line.quantity, line.unit, line.unit_amount, currency)
    except Invalid as error:
        raise invalid_field(f"/lines/{index}", error.message, code=error.code) from None
