-- name: ListAccounts :many
-- The tenant's chart of accounts.
SELECT * FROM ledger_accounts WHERE tenant_id = @tenant_id ORDER BY code;

-- name: GetAccount :one
-- One account of the chart.
SELECT * FROM ledger_accounts WHERE tenant_id = @tenant_id AND code = @code;

-- name: ListEntries :many
-- One page of entries, newest journal first.
SELECT e.* FROM entries e
JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
WHERE e.tenant_id = @tenant_id
  AND (sqlc.narg('account')::text IS NULL OR e.account = sqlc.narg('account'))
  AND (sqlc.narg('currency')::text IS NULL OR e.currency = sqlc.narg('currency'))
  AND (sqlc.narg('document_type')::text IS NULL OR j.document_type = sqlc.narg('document_type'))
  AND (sqlc.narg('from_at')::timestamptz IS NULL OR j.effective_at >= sqlc.narg('from_at'))
  AND (sqlc.narg('to_at')::timestamptz IS NULL OR j.effective_at < sqlc.narg('to_at'))
  AND (e.journal_id, e.entry_no) < (@before_journal_id::uuid, @before_entry_no::int)
ORDER BY e.journal_id DESC, e.entry_no DESC
LIMIT @page::int;

-- name: ListCustomerEntries :many
-- The same for one customer: a query of its own, so that the customer's index is used.
SELECT e.* FROM entries e
JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
WHERE e.tenant_id = @tenant_id AND e.customer_id = @customer_id
  AND (sqlc.narg('account')::text IS NULL OR e.account = sqlc.narg('account'))
  AND (sqlc.narg('currency')::text IS NULL OR e.currency = sqlc.narg('currency'))
  AND (sqlc.narg('document_type')::text IS NULL OR j.document_type = sqlc.narg('document_type'))
  AND (sqlc.narg('from_at')::timestamptz IS NULL OR j.effective_at >= sqlc.narg('from_at'))
  AND (sqlc.narg('to_at')::timestamptz IS NULL OR j.effective_at < sqlc.narg('to_at'))
  AND (e.journal_id, e.entry_no) < (@before_journal_id::uuid, @before_entry_no::int)
ORDER BY e.journal_id DESC, e.entry_no DESC
LIMIT @page::int;

-- name: ListDocumentEntries :many
-- The entries of one document (an invoice has a journal, and a second one when voided).
SELECT e.* FROM entries e
JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
WHERE e.tenant_id = @tenant_id AND j.tenant_id = @tenant_id AND j.document_id = @document_id
  AND j.document_type = ANY(@document_types::text[])
  AND (sqlc.narg('account')::text IS NULL OR e.account = sqlc.narg('account'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR e.customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('currency')::text IS NULL OR e.currency = sqlc.narg('currency'))
  AND (sqlc.narg('from_at')::timestamptz IS NULL OR j.effective_at >= sqlc.narg('from_at'))
  AND (sqlc.narg('to_at')::timestamptz IS NULL OR j.effective_at < sqlc.narg('to_at'))
  AND (e.journal_id, e.entry_no) < (@before_journal_id::uuid, @before_entry_no::int)
ORDER BY e.journal_id DESC, e.entry_no DESC
LIMIT @page::int;

-- name: JournalsById :many
-- The journals that a page of entries belongs to.
SELECT * FROM journals WHERE tenant_id = @tenant_id AND journal_id = ANY(@journal_ids::uuid[]);

-- name: ListJournals :many
-- One page of journals, newest first.
SELECT * FROM journals
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('document_type')::text IS NULL OR document_type = sqlc.narg('document_type'))
  AND (sqlc.narg('from_at')::timestamptz IS NULL OR effective_at >= sqlc.narg('from_at'))
  AND (sqlc.narg('to_at')::timestamptz IS NULL OR effective_at < sqlc.narg('to_at'))
  AND (sqlc.narg('before_id')::uuid IS NULL OR journal_id < sqlc.narg('before_id'))
ORDER BY journal_id DESC
LIMIT @page::int;

-- name: DeferralsOf :many
-- What a journal put off.
SELECT * FROM deferrals WHERE tenant_id = @tenant_id AND journal_id = @journal_id ORDER BY deferral_no;

-- name: SharesOf :many
-- By which months it is earned.
SELECT * FROM deferral_shares WHERE tenant_id = @tenant_id AND journal_id = @journal_id ORDER BY deferral_no, month;

-- name: AccountTotals :many
-- Debits and credits of each account and currency over all time: the trial balance, or one account of it.
SELECT e.account, e.currency,
  coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)::numeric AS debit_minor,
  coalesce(-sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)::numeric AS credit_minor
FROM entries e
WHERE e.tenant_id = @tenant_id AND (sqlc.narg('account')::text IS NULL OR e.account = sqlc.narg('account'))
GROUP BY e.account, e.currency
ORDER BY e.currency, e.account;

-- name: AccountTotalsAsOf :many
-- The same over journals effective before an instant.
SELECT e.account, e.currency,
  coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)::numeric AS debit_minor,
  coalesce(-sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)::numeric AS credit_minor
FROM entries e
JOIN journals j ON j.tenant_id = e.tenant_id AND j.journal_id = e.journal_id
WHERE e.tenant_id = @tenant_id AND j.tenant_id = @tenant_id AND j.effective_at < @as_of
  AND (sqlc.narg('account')::text IS NULL OR e.account = sqlc.narg('account'))
GROUP BY e.account, e.currency
ORDER BY e.currency, e.account;
