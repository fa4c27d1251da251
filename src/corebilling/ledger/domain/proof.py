"""Comparing documents with journals: both in the same order, each seen once."""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.journal import AccountBalance, DocumentType, PostedDocument

Fault = Literal["missing", "different", "orphan"]


class Mismatch(msgspec.Struct, frozen=True):
    """`missing`: a document without its journal; `different`: other id, currency or total; `orphan`: a journal without document."""

    tenant_id: UUID
    document_type: DocumentType
    document_id: UUID
    fault: Fault
    detail: str


class Imbalance(msgspec.Struct, frozen=True):
    """A tenant's entries in a currency that don't add up to 0. `balance_minor` is text: it may be beyond 64 bits."""

    tenant_id: UUID
    currency: str
    balance_minor: str


class Discrepancy(msgspec.Struct, frozen=True):
    """An account that isn't what it stands for: Accounts receivable and what is left of open invoices, Customer credit and
    what is left of grants, Deferred revenue and what is still to be earned. Amounts are text: they may be beyond 64 bits."""

    tenant_id: UUID
    account: str
    currency: str
    booked_minor: str
    held_minor: str


class ProofReport(msgspec.Struct, frozen=True):
    """What the proof found. `mismatches` holds the first hundred of `mismatch_count`."""

    documents: int
    journals: int
    mismatch_count: int
    mismatches: tuple[Mismatch, ...]
    imbalances: tuple[Imbalance, ...]
    discrepancies: tuple[Discrepancy, ...] = ()

    @property
    def fault_count(self) -> int:
        """How many faults of all kinds."""
        return self.mismatch_count + len(self.imbalances) + len(self.discrepancies)

    @property
    def holds(self) -> bool:
        """Whether every document has its journal, every journal its document, all entries add up to 0, and accounts are what
        they stand for."""
        return self.fault_count == 0


def key(row: PostedDocument) -> tuple[UUID, UUID]:
    """What pages are ordered by."""
    return (row.tenant_id, row.document_id)


def compare(
    kind: DocumentType, documents: Sequence[PostedDocument], journals: Sequence[PostedDocument]
) -> list[Mismatch]:
    """The faults between documents and journals of one stretch of keys, each key at most once on either side."""
    by_key = {key(journal): journal for journal in journals}
    faults = []
    for document in documents:
        journal = by_key.pop(key(document), None)
        if journal is None:
            faults.append(_fault(kind, document, "missing", f"journal {document.journal_id} does not exist"))
        elif not agree(document, journal):
            faults.append(
                _fault(kind, document, "different", f"document {_shown(document)}, journal {_shown(journal)}")
            )
    faults += [
        _fault(kind, journal, "orphan", f"journal {journal.journal_id} belongs to no document")
        for journal in by_key.values()
    ]
    return faults


def discrepancies(
    account: str, booked: Mapping[tuple[UUID, str], int], held: Sequence[AccountBalance]
) -> list[Discrepancy]:
    """Where an account, by tenant and currency, isn't what its owner holds."""
    known = {(one.tenant_id, one.currency): one.balance_minor for one in held}
    return [
        Discrepancy(key[0], account, key[1], str(booked.get(key, 0)), str(known.get(key, 0)))
        for key in sorted(booked.keys() | known.keys())
        if booked.get(key, 0) != known.get(key, 0)
    ]


def agree(document: PostedDocument, journal: PostedDocument) -> bool:
    """Whether the journal is the document's, in its currency, over what the document says: the total, or what it adds to
    receivables."""
    return (
        (journal.journal_id, journal.currency) == (document.journal_id, document.currency)
        and document.total_minor in (None, journal.total_minor)
        and document.receivable_minor in (None, journal.receivable_minor)
    )


def _fault(kind: DocumentType, row: PostedDocument, fault: Fault, detail: str) -> Mismatch:
    return Mismatch(row.tenant_id, kind, row.document_id, fault, detail)


def _shown(row: PostedDocument) -> str:
    figures = {"over": row.total_minor, "receivable": row.receivable_minor}
    said = ", ".join(f"{name} {figure} {row.currency}" for name, figure in figures.items() if figure is not None)
    return f"{row.journal_id} {said}"
