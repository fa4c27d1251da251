-- name: AddManual :exec
-- A journal that an accountant wrote.
INSERT INTO manual_journals (tenant_id, manual_id, journal_id, currency, total_minor, reference, posted_by, created_at)
VALUES (@tenant_id, @manual_id, @journal_id, @currency, @total_minor, @reference, @posted_by, @created_at);

-- name: GetManual :one
-- Who wrote a journal by hand, and why.
SELECT * FROM manual_journals WHERE tenant_id = @tenant_id AND manual_id = @manual_id;

-- name: ManualInOrder :many
-- Journals by hand in the order of the proof.
SELECT tenant_id, manual_id, journal_id, currency, total_minor FROM manual_journals
WHERE (tenant_id, manual_id) > (@after_tenant_id::uuid, @after_document_id::uuid)
ORDER BY tenant_id, manual_id
LIMIT @page::int;

-- name: AddAccount :one
-- An account of the tenant's own; no row where the code is taken.
INSERT INTO ledger_accounts (tenant_id, code, name, kind, created_at)
VALUES (@tenant_id, @code, @name, @kind, @created_at)
ON CONFLICT (tenant_id, code) DO NOTHING RETURNING *;
