-- name: Enter :many
-- Holds the tenants' months open until the end of the transaction, and answers from when on each is open, if it closed any.
SELECT k.tenant_id::uuid AS tenant_id, ledger_enter(k.tenant_id) AS open_from
FROM (SELECT t.tenant_id FROM unnest(@tenant_ids::uuid[]) AS t(tenant_id) ORDER BY ledger_slot(t.tenant_id)) k;

-- name: OpenAccounts :exec
-- Opens those of the accounts that their tenants don't have yet, and then the tenant's default chart as well.
WITH missing AS (
  SELECT k.tenant_id, k.code, k.name, k.kind
  FROM unnest(@tenant_ids::uuid[], @codes::text[], @names::text[], @kinds::text[]) AS k(tenant_id, code, name, kind)
  WHERE NOT EXISTS (SELECT 1 FROM ledger_accounts x WHERE x.tenant_id = k.tenant_id AND x.code = k.code)
)
INSERT INTO ledger_accounts (tenant_id, code, name, kind, created_at)
SELECT m.tenant_id, m.code, m.name, m.kind, @created_at::timestamptz FROM missing m
UNION
SELECT m.tenant_id, a.code, a.name, a.kind, @created_at::timestamptz
FROM (SELECT DISTINCT tenant_id FROM missing) m
CROSS JOIN unnest(@chart_codes::text[], @chart_names::text[], @chart_kinds::text[]) AS a(code, name, kind)
ORDER BY 1, 2
ON CONFLICT (tenant_id, code) DO NOTHING;

-- name: PostJournals :exec
-- Writes journals with all of their entries in one statement: the database takes neither without the other.
WITH posted AS (
  INSERT INTO journals (
    tenant_id, journal_id, document_type, document_id, currency, total_minor, entry_count, effective_at, posted_at,
    description, digest)
  SELECT j.tenant_id, j.journal_id, j.document_type, j.document_id, j.currency, j.total_minor, j.entry_count,
    j.effective_at, @posted_at, j.description, decode(j.digest, 'hex')
  FROM unnest(
    @tenant_ids::uuid[], @journal_ids::uuid[], @document_types::text[], @document_ids::uuid[], @currencies::text[],
    @totals_minor::bigint[], @entry_counts::smallint[], @effective_ats::timestamptz[], @descriptions::text[], @digests::text[]
  ) AS j(
    tenant_id, journal_id, document_type, document_id, currency, total_minor, entry_count, effective_at, description, digest)
  ORDER BY j.tenant_id, j.document_type, j.document_id
)
INSERT INTO entries (tenant_id, journal_id, entry_no, account, currency, amount_minor, customer_id)
SELECT e.tenant_id, e.journal_id, e.entry_no, e.account, e.currency, e.amount_minor, e.customer_id
FROM unnest(
  @entry_tenant_ids::uuid[], @entry_journal_ids::uuid[], @entry_nos::smallint[], @accounts::text[],
  @entry_currencies::text[], @amounts_minor::bigint[], @customer_ids::uuid[]
) AS e(tenant_id, journal_id, entry_no, account, currency, amount_minor, customer_id)
ORDER BY e.tenant_id, e.journal_id, e.entry_no;

-- name: JournalsInOrder :many
-- One page of all journals of a kind of document, in the order in which its owner lists the documents: for the proof.
-- receivable_minor is what the journal adds to what the customer owes.
SELECT j.tenant_id, j.journal_id, j.document_id, j.currency, j.total_minor, (
  SELECT coalesce(sum(e.amount_minor), 0) FROM entries e
  WHERE e.tenant_id = j.tenant_id AND e.journal_id = j.journal_id AND e.account = '1200'
)::bigint AS receivable_minor
FROM journals j
WHERE j.document_type = @document_type AND (j.tenant_id, j.document_id) > (@after_tenant_id::uuid, @after_document_id::uuid)
ORDER BY j.tenant_id, j.document_id
LIMIT @page::int;

-- name: CurrencyBalances :many
-- What all entries of each currency add up to, over all tenants: anything but 0 is a breach.
SELECT tenant_id, currency, sum(amount_minor)::numeric AS balance_minor FROM entries
GROUP BY tenant_id, currency HAVING sum(amount_minor) <> 0;

-- name: AccountBalances :many
-- What is on these accounts, by tenant and currency.
SELECT tenant_id, account, currency, sum(amount_minor)::numeric AS balance_minor FROM entries
WHERE account = ANY(@accounts::text[]) GROUP BY tenant_id, account, currency;

-- name: FreezeView :exec
-- Lets the whole transaction see one instant; refused once anything else was asked in it.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: JournalsOfDocuments :many
-- The journals of documents, of these types.
SELECT j.tenant_id, j.journal_id, j.document_type, j.document_id, j.currency, j.effective_at, j.posted_at
FROM unnest(@document_types::text[]) AS t(document_type)
CROSS JOIN unnest(@document_ids::uuid[]) AS d(document_id)
JOIN journals j ON j.tenant_id = @tenant_id AND j.document_type = t.document_type AND j.document_id = d.document_id
ORDER BY j.journal_id;

-- name: DeferralsOfJournals :many
-- What these journals put off.
SELECT * FROM deferrals WHERE tenant_id = @tenant_id AND journal_id = ANY(@journal_ids::uuid[])
ORDER BY journal_id, deferral_no;
