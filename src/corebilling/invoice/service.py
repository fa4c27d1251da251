"""Invoices: what others may ask of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoiceSent
from corebilling.events.payment import DunningEnded
from corebilling.events.rating import RatingCompleted
from corebilling.events.subscription import SubscriptionStatusChanged
from corebilling.invoice import collectable, credit_notes, finding, proof, reading, settling, stored
from corebilling.invoice.billing import RatingBilling
from corebilling.invoice.credit_issuing import CreditIssuing
from corebilling.invoice.credit_notes import CreditNoteFilter
from corebilling.invoice.crediting import Crediting
from corebilling.invoice.drafting import Drafting, unknown
from corebilling.invoice.finalising import Finalising
from corebilling.invoice.finding import InvoiceFilter
from corebilling.invoice.issuing import Final, Issuing, terms_of
from corebilling.invoice.noting import Noting
from corebilling.invoice.ports import Charges, Clocks, Customers, Ledger, Prices, Subscriptions, TaxProvider, Tenants
from corebilling.invoice.queries import agenda
from corebilling.invoice.queries import invoices as reads
from corebilling.invoice.queries.models import Invoice, InvoiceState
from corebilling.invoice.reminding import Reminding
from corebilling.invoice.schemas import (
    CreditNoteDetailOut,
    CreditNoteOut,
    InvoiceChange,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    InvoicePreviewOut,
)
from corebilling.invoice.settling import Settling
from corebilling.invoice.taxing import Taxing
from corebilling.invoice.voiding import Reissuing, Voiding
from corebilling.invoice.wallets import Wallets
from corebilling.invoice.writing_off import WritingOff
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict
from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.kernel.settlement import (
    CreditRefund,
    DrawnCredit,
    OpenInvoice,
    Reversal,
    SettledInvoice,
    Settlement,
    Standing,
)
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)


class InvoiceService:
    """Bills ratings, handles one-off invoices, takes settlements, and answers for what it holds."""

    def __init__(
        self,
        *,
        clock: Clock,
        charges: Charges,
        tenants: Tenants,
        customers: Customers,
        subscriptions: Subscriptions,
        clocks: Clocks,
        ledger: Ledger,
        prices: Prices,
        wallets: Wallets,
        tax_provider: TaxProvider,
    ) -> None:
        self._clock = clock
        self._clocks = clocks
        self._customers = customers
        issuing = Issuing(ledger=ledger, taxing=Taxing(), wallets=wallets)
        notes = CreditIssuing(ledger=ledger, wallets=wallets)
        self.notes = Noting(clock=clock, clocks=clocks, tenants=tenants, issuing=notes, wallets=wallets)
        self.finalising = Finalising(clock=clock, tenants=tenants, customers=customers, clocks=clocks, issuing=issuing)
        self._ratings = RatingBilling(
            charges=charges,
            tenants=tenants,
            customers=customers,
            subscriptions=subscriptions,
            prices=prices,
            crediting=Crediting(issuing=notes),
            issuing=issuing,
            finalising=self.finalising,
        )
        self._voiding = Voiding(clocks=clocks, ledger=ledger, wallets=wallets)
        self._reissuing = Reissuing(
            clock=clock,
            clocks=clocks,
            tenants=tenants,
            customers=customers,
            voiding=self._voiding,
            issuing=issuing,
            finalising=self.finalising,
        )
        self._settling = Settling(ledger=ledger)
        self.reminding = Reminding(clock=clock, clocks=clocks, tenants=tenants)
        self._writing_off = WritingOff(clocks=clocks, ledger=ledger)
        self._drafting = Drafting(
            clock=clock,
            tenants=tenants,
            customers=customers,
            clocks=clocks,
            issuing=issuing,
            finalising=self.finalising,
            tax_provider=tax_provider,
        )

    async def bill(self, tx: Tx, events: Sequence[Envelope[RatingCompleted]]) -> None:
        """Issue the invoices and credit notes of final ratings; one that has its invoice is left alone."""
        await self._ratings.bill(tx, events, self._clock())

    async def create_draft(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> InvoiceDetailOut:
        """A one-off draft, issued at once if that is wanted.

        Raises `NotFound` for the customer, `Invalid` for lines that can't be invoiced.
        """
        invoice_id = await self._drafting.create(tx, tenant_id, wanted)
        return await self.get(tx, tenant_id, invoice_id)

    async def finalise(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> InvoiceDetailOut:
        """Issue a draft; where an outside engine taxes, as soon as it has. Raises `NotFound`, or `Conflict` unless it is a draft."""
        await self._drafting.finalise(tx, tenant_id, invoice_id)
        return await self.get(tx, tenant_id, invoice_id)

    async def change_draft(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, change: InvoiceChange) -> InvoiceDetailOut:
        """Change a draft. Raises `NotFound`, `Conflict` unless it is one, `Invalid` for lines that can't be."""
        await self._drafting.change(tx, tenant_id, invoice_id, change)
        return await self.get(tx, tenant_id, invoice_id)

    async def delete_draft(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Delete a draft. Raises `NotFound`, or `Conflict` for a final invoice."""
        await self._drafting.delete(tx, tenant_id, invoice_id)

    async def void(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> InvoiceDetailOut:
        """Reverse an open invoice nobody paid anything of, and let what it billed be invoiced again.

        Raises `NotFound`, or `Conflict` where it isn't open or something of it is settled.
        """
        await self._voiding.void(tx, tenant_id, invoice_id, reason)
        return await self.get(tx, tenant_id, invoice_id)

    async def reissue(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> InvoiceDetailOut:
        """Void an invoice and issue the same anew, for the parties and by the taxes of today. Raises as `void`."""
        return await self.get(tx, tenant_id, await self._reissuing.reissue(tx, tenant_id, invoice_id, reason))

    async def give_up(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> InvoiceDetailOut:
        """Write off what is left of an open invoice. Raises `NotFound`, or `Conflict` where it isn't open."""
        await self._writing_off.give_up(tx, tenant_id, invoice_id, reason)
        return await self.get(tx, tenant_id, invoice_id)

    async def end_collecting(self, tx: Tx, events: Sequence[Envelope[DunningEnded]]) -> None:
        """Write off what was collected in vain, where that is the tenant's last measure."""
        await self._writing_off.end_collecting(tx, events)

    async def void_openings(self, tx: Tx, expired: Sequence[Envelope[SubscriptionStatusChanged]]) -> None:
        """Void what subscriptions that expired never paid of their opening invoices."""
        await self._voiding.void_openings(tx, expired)

    async def send(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> InvoiceDetailOut:
        """Tell whoever delivers mail to send an invoice. Raises `NotFound`, or `Conflict` for a draft or a void one."""
        invoice, state = await self._load(tx, tenant_id, invoice_id)
        if invoice.number is None or state.status == "void":
            raise Conflict(
                f"invoice {invoice_id} is {state.status}; only final invoices are sent", code="invoice_state"
            )
        path = f"/v1/invoices/{invoice_id}/download"
        payload = InvoiceSent(invoice_id, invoice.number, invoice.customer_id, reading.buyer(invoice).email, path)
        await emit(tx, [NewEvent(tenant_id, invoice_id, state.seq, payload, await self._now(tx, tenant_id))])
        return await self.get(tx, tenant_id, invoice_id)

    async def preview(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> Final:
        """What an invoice would be, for `previewed`. Raises as `create_draft`."""
        return await self._drafting.preview(tx, tenant_id, wanted)

    async def previewed(self, final: Final) -> InvoicePreviewOut:
        """The preview with all taxes; outside of any transaction. Raises `Unavailable` where an outside engine doesn't answer."""
        final = await self._drafting.quoted(final)
        return reading.preview(final.document, terms_of(final).due_at)

    async def earliest_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        """When the next draft is to be finalised or the next reminder told of, in the tenant's time."""
        return await agenda.earliest_due(tx.conn, tenant_id=tenant_id)

    async def settle(self, tx: Tx, settlements: Sequence[Settlement]) -> list[SettledInvoice]:
        """Take money for invoices, in the order given, and answer what each came to.

        Raises `NotFound`, `Conflict` when an invoice isn't open or less is left of it, `Invalid` for another currency.
        """
        return await self._settling.settle(tx, settlements)

    async def unsettle(self, tx: Tx, reversals: Sequence[Reversal]) -> list[SettledInvoice]:
        """Money that was taken went back: the invoices are owed again. Raises `NotFound`, `Conflict` where less was paid."""
        return await self._settling.unsettle(tx, reversals)

    async def hold(self, tx: Tx, invoices: Sequence[settling.Key]) -> None:
        """Lock the states of these (tenant, invoice): who moves credit as well does it first, wallets are locked after them."""
        await settling.locked(tx, invoices)

    async def open_invoices(
        self, tx: Tx, tenant_id: UUID, customer_id: UUID, currency: str | None
    ) -> list[OpenInvoice]:
        """What a customer owes, oldest due first, of one currency if asked."""
        return await settling.open_invoices(tx, tenant_id, customer_id, currency)

    async def open_invoice(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> OpenInvoice:
        """An invoice that takes money. Raises `NotFound`, `Conflict` for others."""
        return await settling.open_invoice(tx, tenant_id, invoice_id)

    async def standing(self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Standing]:
        """Where invoices (tenant, invoice) stand and what may still be paid of them; drafts and unknown ones are absent."""
        return await collectable.standing(tx, keys)

    async def refund_credit(self, tx: Tx, requests: Sequence[CreditRefund]) -> list[DrawnCredit]:
        """Credit notes over what is refunded, and their credit drawn. Raises `Conflict` where less is left to credit."""
        return await self.notes.refund_credit(tx, requests)

    async def get(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> InvoiceDetailOut:
        """An invoice with its lines. Raises `NotFound`."""
        invoice, state = await self._load(tx, tenant_id, invoice_id)
        lines = await reads.get_lines(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        taxes = (await stored.taxes_of(tx, [(tenant_id, invoice_id)])).get((tenant_id, invoice_id), {})
        planned = None
        if invoice.number is None:
            planned = await agenda.planned(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        return reading.detail(invoice, state, lines, taxes, planned, await self._now(tx, tenant_id))

    async def find(
        self, tx: Tx, tenant_id: UUID, wanted: InvoiceFilter, *, after: UUID | None, limit: int
    ) -> list[InvoiceOut]:
        """Invoices without their lines, newest first, after the id given."""
        now = await self._now(tx, tenant_id)
        return await finding.find(tx, tenant_id, await self._by_customer(tx, tenant_id, wanted), now, after, limit)

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """The ledger's proof: documents of a type across tenants, in the order of their keys."""
        return await proof.documents(tx, document_type, after, limit)

    async def find_credit_notes(
        self, tx: Tx, tenant_id: UUID, wanted: CreditNoteFilter, *, after: UUID | None, limit: int
    ) -> list[CreditNoteOut]:
        """Credit notes without their lines, newest first, after the id given."""
        customer_id = await self._customers.filter_id(tx, tenant_id, wanted.customer)
        return await credit_notes.find(tx, tenant_id, wanted, customer_id, after or _NEWEST, limit)

    async def get_credit_note(self, tx: Tx, tenant_id: UUID, credit_note_id: UUID) -> CreditNoteDetailOut:
        """A credit note with its lines and what it settled. Raises `NotFound`."""
        return await credit_notes.get(tx, tenant_id, credit_note_id)

    async def _now(self, tx: Tx, tenant_id: UUID) -> datetime:
        return (await self._clocks.now(tx, [tenant_id]))[tenant_id]

    async def _by_customer(self, tx: Tx, tenant_id: UUID, wanted: InvoiceFilter) -> InvoiceFilter:
        """The filter with the customer's id for its reference; nobody's, for an unknown one."""
        if wanted.customer is None:
            return wanted
        found = await self._customers.filter_id(tx, tenant_id, wanted.customer)
        return msgspec.structs.replace(wanted, customer=None, customer_id=found)

    async def _load(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> tuple[Invoice, InvoiceState]:
        invoice = await reads.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        if invoice is None:
            raise unknown(invoice_id)
        [state] = await reads.get_states(tx.conn, tenant_id=tenant_id, invoice_ids=[invoice_id])
        return invoice, state
