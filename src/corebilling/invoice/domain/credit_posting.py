"""Journals of credit notes: what their invoices earned, put off and owed the tax office is taken back, line by line."""

from collections import defaultdict
from datetime import datetime

import msgspec

from corebilling.invoice.domain.carried import is_carried
from corebilling.invoice.domain.credit import CreditLine, CreditNote
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.posting import is_deferred
from corebilling.kernel import accounts
from corebilling.kernel.journal import Deferral, EntryDraft, JournalDraft


class Corrected(msgspec.Struct, frozen=True):
    """The invoice that a note corrects, and by which rules it was posted."""

    document: Document
    issued_at: datetime | None
    posting_version: int


def credit_journal(note: CreditNote, corrected: Corrected | None) -> JournalDraft:
    """Debits what is taken back, credits what the note settles and what the customer may use."""
    sums: dict[tuple[str, str | None], int] = defaultdict(int)
    deferrals = []
    for line in note.lines:
        product = line.invoice_line.product if line.invoice_line else None
        if is_carried(line.derivation):
            # It was taken from revenue when it was first carried, with the taxes that it contains.
            sums[accounts.CARRIED_CREDIT, None] += line.amount_minor
            sums[accounts.REVENUE, product] += line.net_minor - line.amount_minor
        elif deferral := _deferral(line, corrected):
            sums[accounts.DEFERRED_REVENUE, None] += line.net_minor
            deferrals.append(deferral)
        else:
            sums[accounts.REVENUE, product] += line.net_minor
    sums[accounts.TAX_PAYABLE, None] += note.tax_minor + note.included_tax_minor
    sums[accounts.RECEIVABLE, None] -= note.applied_minor
    sums[accounts.CUSTOMER_CREDIT, None] -= note.balance_minor
    of_customer = (accounts.RECEIVABLE, accounts.CUSTOMER_CREDIT, accounts.CARRIED_CREDIT)
    return JournalDraft(
        tenant_id=note.tenant_id,
        document_type="credit_note",
        document_id=note.credit_note_id,
        currency=note.currency,
        effective_at=note.issued_at,
        description="Credit note",
        entries=tuple(
            EntryDraft(account, amount, note.customer_id if account in of_customer else None, product)
            for (account, product), amount in sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] or ""))
            if amount
        ),
        deferrals=tuple(deferrals),
    )


def _deferral(line: CreditLine, corrected: Corrected | None) -> Deferral | None:
    """What the invoice put off of the line is put off no more; days that are over catch up at the next recognition."""
    billed = line.invoice_line
    if corrected is None or corrected.issued_at is None or corrected.posting_version < 2 or billed is None:
        return None
    if not is_deferred(corrected.document, billed, corrected.issued_at) or not line.net_minor:
        return None
    assert billed.period_start is not None
    assert billed.period_end is not None
    return Deferral(-line.net_minor, billed.period_start, billed.period_end, billed.product)
