"""One-off invoices: a draft is written, changed, finalised or deleted; or issued at once."""

from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from corebilling.invoice import agenda, stored
from corebilling.invoice.domain.document import Document, one_off
from corebilling.invoice.domain.states import demand_draft
from corebilling.invoice.domain.tax_quote import quoted, request_of
from corebilling.invoice.finalising import Finalising
from corebilling.invoice.issuing import Final, Issuing
from corebilling.invoice.one_off_lines import lines_of
from corebilling.invoice.ports import Clocks, Customers, TaxProvider, Tenants
from corebilling.invoice.queries import agenda as agenda_queries
from corebilling.invoice.queries import drafts as queries
from corebilling.invoice.queries import invoices as reads
from corebilling.invoice.queries.models import Invoice
from corebilling.invoice.schemas import InvoiceChange, InvoiceCreate
from corebilling.invoice.standing import locked
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import exponent
from corebilling.platform.db import Tx

T = TypeVar("T")


class Drafting:
    """Writes, changes, finalises and deletes drafts."""

    def __init__(
        self,
        *,
        clock: Clock,
        tenants: Tenants,
        customers: Customers,
        clocks: Clocks,
        issuing: Issuing,
        finalising: Finalising,
        tax_provider: TaxProvider,
    ) -> None:
        self._clock = clock
        self._tenants = tenants
        self._customers = customers
        self._clocks = clocks
        self._issuing = issuing
        self._finalising = finalising
        self._tax_provider = tax_provider

    async def create(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> UUID:
        """Write a draft, or issue it at once if that is wanted; where an outside engine taxes, as soon as it has.

        Raises `NotFound` for the customer, `Invalid` for lines that can't be invoiced.
        """
        final = await self.proposed(tx, tenant_id, wanted)
        if wanted.finalize and final.tenant.invoicing.tax_engine == "external":
            await self._finalising.keep_until(tx, [(final, final.issued_at)], self._clock())
        elif wanted.finalize:
            await self._issuing.issue(tx, [final], self._clock())
        else:
            await self._finalising.draft(tx, [final], self._clock())
        return final.document.invoice_id

    async def proposed(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> Final:
        """What was asked for, without taxes. Raises as `create`."""
        customer = await self._customers.by_ref(tx, tenant_id, wanted.customer_id)
        tenant = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        currency = wanted.currency or customer.currency
        exponent(currency)
        document = replace(
            one_off(new_id(), currency, lines_of(wanted.lines, currency), tenant, customer),
            memo=wanted.memo,
            net_days=wanted.net_days,
        )
        if wanted.purchase_order is not None:
            document = replace(document, purchase_order=wanted.purchase_order)
        return Final(document, tenant, customer, now)

    async def preview(self, tx: Tx, tenant_id: UUID, wanted: InvoiceCreate) -> Final:
        """What was asked for, with taxes unless an outside engine is to say them. Raises as `create`."""
        final = await self.proposed(tx, tenant_id, wanted)
        if final.tenant.invoicing.tax_engine == "external":
            return final
        [taxed] = await self._issuing.taxed(tx, [final])
        return taxed

    async def quoted(self, final: Final) -> Final:
        """The preview with the taxes that an outside engine says, where one is to; never in a transaction.

        Raises `Unavailable` where it doesn't answer.
        """
        if final.tenant.invoicing.tax_engine != "external":
            return final
        question = request_of(final.document, final.tenant, final.customer, final.issued_at)
        [answer] = await self._tax_provider.quote([question])
        return replace(final, document=quoted(final.document, answer))

    async def change(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, change: InvoiceChange) -> None:
        """Change what is said on a draft, or the lines of one that a caller wrote.

        Raises `NotFound`, `Conflict` unless it is a draft, `Invalid` for lines of a period's invoice.
        """
        row, document = await self._draft(tx, tenant_id, invoice_id)
        changed = replace(
            document,
            memo=_chosen(change.memo, document.memo),
            purchase_order=_chosen(change.purchase_order, document.purchase_order),
            net_days=_chosen(change.net_days, document.net_days),
        )
        if change.lines is UNSET:
            await queries.change_terms(
                tx.conn,
                tenant_id=tenant_id,
                invoice_id=invoice_id,
                memo=changed.memo,
                purchase_order=changed.purchase_order,
                net_days=changed.net_days,
            )
            return
        if document.source is not None:
            raise invalid_field(
                "/lines", "these lines are what was used and agreed; credit or void the invoice once it is final"
            )
        await self._rewrite(tx, row, changed, change)

    async def _rewrite(self, tx: Tx, row: Invoice, document: Document, change: InvoiceChange) -> None:
        """Lines are never changed: the draft is written anew under its id, and what was planned for it still holds."""
        assert change.lines is not UNSET
        key = (row.tenant_id, row.invoice_id)
        customer = (await self._customers.profiles(tx, [(row.tenant_id, row.customer_id)]))[
            row.tenant_id, row.customer_id
        ]
        tenant = (await self._tenants.profiles(tx, [row.tenant_id]))[row.tenant_id]
        now = (await self._clocks.now(tx, [row.tenant_id]))[row.tenant_id]
        fresh = one_off(row.invoice_id, row.currency, lines_of(change.lines, row.currency), tenant, customer)
        terms = {
            name: getattr(document, name) for name in ("memo", "purchase_order", "net_days", "replaces_invoice_id")
        }
        await queries.delete_drafts(tx.conn, tenant_ids=[key[0]], invoice_ids=[key[1]])
        await self._finalising.draft(tx, [Final(replace(fresh, **terms), tenant, customer, now)], row.created_at)

    async def finalise(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Issue a draft in the tenant's time; where an outside engine taxes, as soon as it has.

        Raises `NotFound`, or `Conflict` unless it is a draft.
        """
        await self._draft(tx, tenant_id, invoice_id)
        tenant = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        if tenant.invoicing.tax_engine == "external":
            now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
            await agenda.finalise_at(tx, [(tenant_id, invoice_id, now)], self._clock())
        else:
            await self._finalising.finalise(tx, [(tenant_id, invoice_id)])

    async def delete(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Delete a draft that a caller wrote. Raises `NotFound`, or `Conflict` for any other invoice."""
        found = await reads.get_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
        if found is None:
            raise unknown(invoice_id)
        if found.number is None and found.period_start is not None:
            raise Conflict(
                f"invoice {invoice_id} bills a period that would be lost with it; finalise it and void it",
                code="invoice_state",
            )
        if not await queries.delete_drafts(tx.conn, tenant_ids=[tenant_id], invoice_ids=[invoice_id]):
            raise Conflict(f"invoice {invoice_id} is final and can't be deleted; void it instead", code="invoice_state")
        await agenda_queries.done(tx.conn, tenant_ids=[tenant_id], invoice_ids=[invoice_id], kinds=["finalize"])

    async def _draft(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> stored.Stored:
        """A draft whose state is locked. Raises `NotFound`, or `Conflict` unless it is one."""
        key = (tenant_id, invoice_id)
        state = (await locked(tx, [key])).get(key)
        if state is None:
            raise unknown(invoice_id)
        demand_draft(invoice_id, state.status)
        return (await stored.documents(tx, [key]))[key]


def unknown(invoice_id: UUID) -> NotFound:
    """No such invoice, or not this tenant's."""
    return NotFound(f"there is no invoice {invoice_id}; list invoices to find its id", code="invoice_not_found")


def _chosen(wanted: T | UnsetType | None, present: T | None) -> T | None:
    return present if isinstance(wanted, UnsetType) else wanted
