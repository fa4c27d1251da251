"""Journals by hand, and accounts of the tenant's own to post them to."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, FieldError, Invalid, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft, PostedDocument
from corebilling.kernel.money import MAX_MINOR, exponent
from corebilling.ledger.domain.chart import BY_CODE, CODE, CONTROL_ACCOUNTS
from corebilling.ledger.ports import Clocks
from corebilling.ledger.queries import manual as queries
from corebilling.ledger.queries import reports
from corebilling.ledger.schemas.journals import AccountCreate, ManualEntry, ManualJournalCreate
from corebilling.ledger.schemas.reports import AccountOut
from corebilling.ledger.service import LedgerService
from corebilling.platform.db import Tx


class ManualJournals:
    """What accountants post themselves."""

    def __init__(self, *, clock: Clock, clocks: Clocks, ledger: LedgerService) -> None:
        self._clock = clock
        self._clocks = clocks
        self._ledger = ledger

    async def post(self, tx: Tx, tenant_id: UUID, data: ManualJournalCreate, posted_by: str) -> UUID:
        """Post a balanced journal and answer its id.

        Raises `Invalid` where it doesn't balance, names an account that isn't in the chart or that only documents post to,
        or takes effect later than now in the tenant's time.
        """
        exponent(data.currency)
        _require_balance(data.entries)
        await self._require_accounts(tx, tenant_id, [entry.account for entry in data.entries])
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        effective_at = data.effective_at or now
        if effective_at > now:
            raise invalid_field("/effective_at", f"it is {now.isoformat()} for this tenant; post what has happened")
        draft = JournalDraft(
            tenant_id=tenant_id,
            document_type="manual",
            document_id=new_id(),
            currency=data.currency,
            effective_at=effective_at,
            description=data.description,
            entries=tuple(EntryDraft(e.account, e.amount_minor) for e in data.entries),
        )
        [journal_id] = await self._ledger.post(tx, [draft])
        await queries.add_manual(
            tx.conn,
            tenant_id=tenant_id,
            manual_id=draft.document_id,
            journal_id=journal_id,
            currency=data.currency,
            total_minor=sum(max(entry.amount_minor, 0) for entry in data.entries),
            reference=data.reference,
            posted_by=posted_by,
            created_at=self._clock(),
        )
        return journal_id

    async def open_account(self, tx: Tx, tenant_id: UUID, data: AccountCreate) -> AccountOut:
        """Open an account. Raises `Conflict` for a code that is taken, `Invalid` for one that can't be."""
        if not CODE.fullmatch(data.code):
            raise invalid_field("/code", f"'{data.code}' can't be an account; send one such as 1010 or 4000.setup")
        row = None
        if data.code not in BY_CODE:
            row = await queries.add_account(
                tx.conn,
                tenant_id=tenant_id,
                code=data.code,
                name=data.name,
                kind=data.kind,
                created_at=self._clock(),
            )
        if row is None:
            raise Conflict(f"there is an account {data.code}; choose another code", code="account_exists")
        return AccountOut(row.code, row.name, row.kind, [])

    async def documents(
        self, tx: Tx, document_type: str, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """Journals by hand, across tenants, in the order of their keys: for the proof."""
        rows = await queries.manual_in_order(tx.conn, after_tenant_id=after[0], after_document_id=after[1], page=limit)
        return [PostedDocument(r.tenant_id, r.manual_id, r.journal_id, r.currency, r.total_minor) for r in rows]

    async def _require_accounts(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> None:
        chart = BY_CODE.keys() | {row.code for row in await reports.list_accounts(tx.conn, tenant_id=tenant_id)}
        wrong = [
            FieldError(f"/entries/{place}/account", f"{code} is {why}")
            for place, code in enumerate(codes)
            if (why := _refusal(code, code in chart))
        ]
        if wrong:
            raise Invalid("post to other accounts", code="invalid_account", fields=wrong)


def _require_balance(entries: Sequence[ManualEntry]) -> None:
    """The ledger refuses the same: here the caller is told where."""
    empty = [
        FieldError(f"/entries/{place}/amount_minor", "an entry of 0 says nothing; leave it out")
        for place, entry in enumerate(entries)
        if entry.amount_minor == 0
    ]
    if empty:
        raise Invalid("an entry needs an amount", code="invalid_journal", fields=empty)
    if total := sum(entry.amount_minor for entry in entries):
        why = f"the entries add up to {total}; make the debits (positive) equal the credits (negative)"
        raise invalid_field("/entries", why, code="invalid_journal")
    if (debits := sum(max(entry.amount_minor, 0) for entry in entries)) > MAX_MINOR:
        raise invalid_field("/entries", f"debits of {debits} are more than a journal can hold", code="invalid_journal")


def _refusal(code: str, known: bool) -> str | None:
    if not known:
        return "not in the chart of accounts; open it first"
    if code in CONTROL_ACCOUNTS:
        return "kept by documents alone; issue a credit note, a grant, a refund or a write-off"
    return None
