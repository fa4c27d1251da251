"""The proof over all documents and journals, page by page, at one instant."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.ledger.domain.proof import Discrepancy, Imbalance, Mismatch, ProofReport, compare, discrepancies, key
from corebilling.ledger.metrics import MISMATCH
from corebilling.ledger.ports import Balances, Documents
from corebilling.ledger.queries import journals as queries
from corebilling.platform.db import Tx

PAGE = 5_000
SHOWN = 100

_START = (UUID(int=0), UUID(int=0))


class LedgerProof:
    """Compares every document of every tenant with its journal, and accounts with what they stand for.

    `documents` names who owns each kind of document, `balances` who knows what must be on an account, by its code. Apart from
    LedgerService, because those owners post through that one: nothing is built in a circle.
    """

    def __init__(
        self, *, documents: Mapping[DocumentType, Documents], balances: Mapping[str, Balances] | None = None
    ) -> None:
        self.documents = documents
        self.balances = balances or {}

    async def proof(self, tx: Tx) -> ProofReport:
        """The proof at one instant; its result is also the gauge `corebilling_ledger_mismatch`.

        `tx` is a fresh `db.system()` transaction, in which nothing was asked before.
        """
        report = await prove(tx, self.documents, self.balances)
        MISMATCH.set(report.fault_count)
        return report


async def prove(tx: Tx, owners: Mapping[DocumentType, Documents], balances: Mapping[str, Balances]) -> ProofReport:
    """Walk documents and journals side by side, in the order that both are kept in, and compare stretch by stretch."""
    await queries.freeze_view(tx.conn)
    documents = journals = count = 0
    shown: list[Mismatch] = []
    for kind, owner in owners.items():
        after: tuple[UUID, UUID] | None = _START
        while after is not None:
            listed, posted = await owner.documents(tx, kind, after, PAGE), await _journals(tx, kind, after)
            ours, theirs, after = _stretch(listed, posted)
            faults = compare(kind, ours, theirs)
            documents, journals, count = documents + len(ours), journals + len(theirs), count + len(faults)
            shown += faults[: SHOWN - len(shown)]
    unbalanced = await queries.currency_balances(tx.conn)
    return ProofReport(
        documents=documents,
        journals=journals,
        mismatch_count=count,
        mismatches=tuple(shown),
        imbalances=tuple(Imbalance(row.tenant_id, row.currency, str(row.balance_minor)) for row in unbalanced),
        discrepancies=tuple(await _discrepancies(tx, balances)),
    )


async def _discrepancies(tx: Tx, owners: Mapping[str, Balances]) -> list[Discrepancy]:
    """Accounts that aren't what they stand for. No journal by hand is on them: those of documents only."""
    if not owners:
        return []
    booked: dict[str, dict[tuple[UUID, str], int]] = {account: {} for account in owners}
    for row in await queries.account_balances(tx.conn, accounts=list(owners)):
        booked[row.account][row.tenant_id, row.currency] = int(row.balance_minor)
    return [
        fault
        for account, owner in owners.items()
        for fault in discrepancies(account, booked[account], await owner.balances(tx))
    ]


async def _journals(tx: Tx, kind: DocumentType, after: tuple[UUID, UUID]) -> list[PostedDocument]:
    rows = await queries.journals_in_order(
        tx.conn, document_type=kind, after_tenant_id=after[0], after_document_id=after[1], page=PAGE
    )
    return [
        PostedDocument(
            row.tenant_id, row.document_id, row.journal_id, row.currency, row.total_minor, row.receivable_minor
        )
        for row in rows
    ]


def _stretch(
    ours: Sequence[PostedDocument], theirs: Sequence[PostedDocument]
) -> tuple[Sequence[PostedDocument], Sequence[PostedDocument], tuple[UUID, UUID] | None]:
    """Both pages up to the key that each of them covers, and that key; None when both have come to their end."""
    ends = [key(page[-1]) for page in (ours, theirs) if len(page) == PAGE]
    if not ends:
        return ours, theirs, None
    end = min(ends)
    return [row for row in ours if key(row) <= end], [row for row in theirs if key(row) <= end], end
