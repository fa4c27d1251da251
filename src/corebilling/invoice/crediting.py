"""Credit notes that rating asks for: corrections of closed periods that a tenant wants as documents of their own.

Written after the invoices of the same ratings, which they may settle.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice import stored, wallet_rows
from corebilling.invoice.credit_issuing import CreditIssuing, NoteDraft
from corebilling.invoice.credit_rows import Correctable, correctable
from corebilling.invoice.domain.carried import is_carried
from corebilling.invoice.domain.credit import CreditLine, of_rating
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.wallet import WalletKey
from corebilling.invoice.queries import credits as queries
from corebilling.invoice.standing import Key, locked
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import TenantProfile
from corebilling.platform.db import Tx


class Correction(msgspec.Struct, frozen=True):
    """Charges of a rating that go on a credit note. `document` is the invoice that the rating is on, if there is one."""

    document: Document
    rating: RatingCompleted
    charges: tuple[BilledCharge, ...]
    tenant: TenantProfile
    cause: Envelope[RatingCompleted]


Places = dict[tuple[UUID, UUID | None], tuple[Correction, list[BilledCharge]]]
"""By (rating, the invoice that billed what is corrected)."""


class Crediting:
    """Issues credit notes of ratings and settles invoices with them."""

    def __init__(self, *, issuing: CreditIssuing) -> None:
        self._issuing = issuing

    async def hold(self, tx: Tx, corrections: Sequence[Correction], owners: Iterable[WalletKey]) -> None:
        """Lock what these will change, before the invoices of the same ratings are issued and paid by wallets.

        In the one order of locks: states of invoices, then wallets; `owners` are those of all these invoices.
        """
        await locked(tx, sorted(_billed_by(await _places(tx, corrections))))
        await wallet_rows.locked(tx, set(owners))

    async def credit(self, tx: Tx, corrections: Sequence[Correction], written_at: datetime) -> None:
        """One note for each rating and invoice that it corrects.

        It settles that invoice as far as it is unpaid, then the one that is issued along with it; the rest is in the wallet.
        """
        places = await _places(tx, corrections)
        billed_by = _billed_by(places)
        along = {(one.document.tenant_id, one.document.invoice_id) for one in corrections}
        states = await locked(tx, sorted(billed_by | along))
        invoices, carriers = await correctable(tx, sorted(billed_by)), await _carriers(tx, places)
        await self._issuing.issue(tx, _drafts(places, invoices, carriers), states, written_at)


async def _places(tx: Tx, corrections: Sequence[Correction]) -> Places:
    """The charges by the invoices that billed what is corrected."""
    wanted = [(correction, charge) for correction in corrections for charge in correction.charges]
    rows = await queries.invoices_of_periods(
        tx.conn,
        places=list(range(len(wanted))),
        tenant_ids=[correction.document.tenant_id for correction, _ in wanted],
        subscription_ids=[correction.rating.subscription_id for correction, _ in wanted],
        ats=[charge.period_start for _, charge in wanted],
    )
    billed_by = {row.place: row.invoice_id for row in rows}
    found: Places = {}
    for place, (correction, charge) in enumerate(wanted):
        key = (correction.rating.rating_id, billed_by.get(place))
        found.setdefault(key, (correction, []))[1].append(charge)
    return found


def _billed_by(places: Places) -> set[Key]:
    return {
        (correction.document.tenant_id, invoice_id)
        for (_, invoice_id), (correction, _) in places.items()
        if invoice_id is not None
    }


async def _carriers(tx: Tx, places: Places) -> dict[Key, list[tuple[Document, int]]]:
    """By (tenant, subscription) whose carried credit is given back: the invoices that carried it on, the latest first."""
    wanted = sorted(
        {
            (correction.document.tenant_id, correction.rating.subscription_id)
            for correction, charges in places.values()
            if any(is_carried(charge.derivation) for charge in charges)
        }
    )
    if not wanted:
        return {}
    rows = await queries.carried_on(
        tx.conn,
        places=list(range(len(wanted))),
        tenant_ids=[tenant_id for tenant_id, _ in wanted],
        subscription_ids=[subscription_id for _, subscription_id in wanted],
    )
    found = await stored.documents(tx, sorted({(wanted[row.place][0], row.invoice_id) for row in rows}))
    carriers: dict[Key, list[tuple[Document, int]]] = {key: [] for key in wanted}
    for row in rows:
        key = wanted[row.place]
        carriers[key].append((found[key[0], row.invoice_id][1], row.amount_minor))
    return carriers


def _drafts(
    places: Places, invoices: dict[Key, Correctable], carriers: dict[Key, list[tuple[Document, int]]]
) -> list[NoteDraft]:
    drafts = []
    for (_, invoice_id), (correction, charges) in places.items():
        document = correction.document
        invoice = invoices.get((document.tenant_id, invoice_id)) if invoice_id else None
        lines = invoice.lines if invoice else []
        carried = carriers.get((document.tenant_id, correction.rating.subscription_id), [])
        note = of_rating(new_id(), invoice_id, correction.rating, charges, document, lines, carried)
        if invoice:
            _count(invoice, note.lines)
        drafts.append(
            NoteDraft(
                note,
                correction.tenant,
                invoice.corrected if invoice else None,
                (invoice_id, document.invoice_id),
                correction.cause,
            )
        )
    return drafts


def _count(invoice: Correctable, credited: Sequence[CreditLine]) -> None:
    """Several ratings of a batch may correct one invoice: each goes on where the one before has ended."""
    for line in credited:
        for n, one in enumerate(invoice.lines):
            if one.line_no == line.invoice_line_no:
                invoice.lines[n] = msgspec.structs.replace(one, noted_minor=one.noted_minor + line.gross_minor)
