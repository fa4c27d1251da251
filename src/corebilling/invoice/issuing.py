"""How anything becomes a final invoice: taxes, journals, numbers, one write, events, and then the customer's wallet.

The row of a number series stays locked from the moment a number is taken until commit, so numbers come late; the wallets that
will pay are locked before, as they are wherever invoices are corrected.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.invoice import announcing, writing
from corebilling.invoice.agenda import remind_of
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.issue import Issue, IssuedInvoice, issue, net_days
from corebilling.invoice.domain.numbering import Series, numbers, wanted
from corebilling.invoice.domain.posting import invoice_journal
from corebilling.invoice.metrics import GENERATED
from corebilling.invoice.ports import Ledger, Wallets
from corebilling.invoice.queries import issue as queries
from corebilling.invoice.standing import States
from corebilling.invoice.taxing import Taxing
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Final(msgspec.Struct, frozen=True):
    """A document about to be issued, with its parties. `cause` is the event that asked for it."""

    document: Document
    tenant: TenantProfile
    customer: CustomerProfile
    issued_at: datetime
    cause: Envelope[Any] | None = None


class Issuing:
    """Issues invoices, many at once."""

    def __init__(self, *, ledger: Ledger, taxing: Taxing, wallets: Wallets) -> None:
        self._ledger = ledger
        self._taxing = taxing
        self._wallets = wallets

    async def issue(self, tx: Tx, finals: Sequence[Final], written_at: datetime) -> None:
        """Issue invoices that didn't exist before, numbered in the order given. Their documents have no taxes yet."""
        if finals:
            await self._issue(tx, await self.taxed(tx, finals), {}, written_at)

    async def finalise(self, tx: Tx, finals: Sequence[Final], states: States, written_at: datetime) -> None:
        """Issue drafts, taxed already, whose states are locked."""
        if finals:
            await self._issue(tx, finals, states, written_at)

    async def taxed(self, tx: Tx, finals: Sequence[Final]) -> list[Final]:
        """The same with taxes by the tenants' own rates."""
        documents = await self._taxing.tax(
            tx,
            [final.document for final in finals],
            {final.document.invoice_id: (final.tenant, final.customer) for final in finals},
            {final.document.invoice_id: final.issued_at for final in finals},
        )
        return [replace(final, document=document) for final, document in zip(finals, documents, strict=True)]

    async def _issue(self, tx: Tx, finals: Sequence[Final], states: States, written_at: datetime) -> None:
        """`states` are those of the drafts that these were; none where they are new."""
        documents = [final.document for final in finals]
        terms = [terms_of(final) for final in finals]
        journals = await self._post(tx, finals)
        owed = [_owed(final) for final, one in zip(finals, terms, strict=True) if one.status == "open"]
        held = await self._wallets.hold(tx, {(one.tenant_id, one.customer_id, one.currency) for one in owed})
        given = await numbered(tx, [(f.document.tenant_id, t.numbering) for f, t in zip(finals, terms, strict=True)])
        if states:
            await writing.write_final(tx, documents, terms, given, journals, states)
        else:
            await writing.write(tx, documents, terms, given, journals, written_at)
        await remind_of(
            tx, [(final.document, final.tenant, one) for final, one in zip(finals, terms, strict=True)], written_at
        )
        await emit(tx, _told(finals, terms, given, journals, states))
        tx.once_committed(lambda: GENERATED.inc(len(finals)))
        await self._wallets.apply(tx, owed, held)

    async def _post(self, tx: Tx, finals: Sequence[Final]) -> Mapping[UUID, UUID]:
        """Post the journals of all that has one; by invoice."""
        drafts = [(final, invoice_journal(final.document, final.issued_at)) for final in finals]
        due = [(final, draft) for final, draft in drafts if draft is not None]
        journal_ids = await self._ledger.post(tx, [draft for _, draft in due], causes=[final.cause for final, _ in due])
        return {final.document.invoice_id: journal_id for (final, _), journal_id in zip(due, journal_ids, strict=True)}


async def numbered(tx: Tx, series: Sequence[Series]) -> list[str]:
    """The next number of each series, in their order; its row stays locked until commit."""
    counts = wanted(series)
    rows = await queries.take_numbers(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in counts],
        series=[name for _, name in counts],
        wanted=list(counts.values()),
    )
    return numbers(series, {(row.tenant_id, row.series): row.last_no for row in rows})


def terms_of(final: Final) -> Issue:
    """When it is issued and due, and what its number is like."""
    days = net_days(final.document.net_days, final.tenant, final.customer)
    return issue(final.tenant, days, final.issued_at, final.document.total_minor)


def _told(
    finals: Sequence[Final],
    terms: Sequence[Issue],
    given: Sequence[str],
    journals: Mapping[UUID, UUID],
    states: States,
) -> list[NewEvent]:
    events: list[NewEvent] = []
    for final, one, number in zip(finals, terms, given, strict=True):
        before = states.get((final.document.tenant_id, final.document.invoice_id))
        seq = before.seq + 1 if before else 1
        events += announcing.issued(final.document, one, number, journals, seq, final.cause)
    return events


def _owed(final: Final) -> IssuedInvoice:
    document = final.document
    return IssuedInvoice(
        document.tenant_id,
        document.invoice_id,
        document.customer_id,
        document.currency,
        final.issued_at,
        final.cause,
    )
