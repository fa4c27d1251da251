-- name: Defer :exec
-- Writes the deferrals of journals and what each month earns of them in one statement: neither is taken without the other.
WITH put_off AS (
  INSERT INTO deferrals (tenant_id, journal_id, deferral_no, currency, account, amount_minor, starts_at, ends_at)
  SELECT d.tenant_id, d.journal_id, d.deferral_no, d.currency, d.account, d.amount_minor, d.starts_at, d.ends_at
  FROM unnest(
    @tenant_ids::uuid[], @journal_ids::uuid[], @deferral_nos::smallint[], @currencies::text[], @accounts::text[],
    @amounts_minor::bigint[], @starts_ats::timestamptz[], @ends_ats::timestamptz[]
  ) AS d(tenant_id, journal_id, deferral_no, currency, account, amount_minor, starts_at, ends_at)
)
INSERT INTO deferral_shares (tenant_id, journal_id, deferral_no, month, due_at, currency, account, amount_minor)
SELECT s.tenant_id, s.journal_id, s.deferral_no, s.month, s.due_at, s.currency, s.account, s.amount_minor
FROM unnest(
  @share_tenant_ids::uuid[], @share_journal_ids::uuid[], @share_deferral_nos::smallint[], @months::date[],
  @due_ats::timestamptz[], @share_currencies::text[], @share_accounts::text[], @share_amounts_minor::bigint[]
) AS s(tenant_id, journal_id, deferral_no, month, due_at, currency, account, amount_minor)
ORDER BY s.tenant_id, s.journal_id, s.deferral_no, s.month;

-- name: DueMonths :many
-- Months that are over and have something to earn, the earliest first: of a limited number of shares, each month whole later.
SELECT DISTINCT s.tenant_id, s.month, s.due_at, s.currency FROM (
  SELECT d.tenant_id, d.month, d.due_at, d.currency FROM deferral_shares d
  WHERE d.recognition_id IS NULL AND d.due_at <= @now AND d.tenant_id <> ALL(@clocked_ids::uuid[])
  ORDER BY d.due_at, d.tenant_id LIMIT @share_limit::int
) s
ORDER BY s.due_at, s.tenant_id, s.currency;

-- name: DueMonthsByClock :many
-- The same of sandboxes, each by its own clock.
SELECT DISTINCT s.tenant_id, s.month, s.due_at, s.currency
FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
CROSS JOIN LATERAL (
  SELECT d.tenant_id, d.month, d.due_at, d.currency FROM deferral_shares d
  WHERE d.tenant_id = k.tenant_id AND d.recognition_id IS NULL AND d.due_at <= k.now_at
  ORDER BY d.due_at LIMIT @share_limit::int
) s
ORDER BY s.due_at, s.tenant_id, s.currency;

-- name: DueMonthsOfTenant :many
-- The months of one tenant up to an instant that have something to earn.
SELECT DISTINCT tenant_id, month, due_at, currency FROM deferral_shares
WHERE tenant_id = @tenant_id AND recognition_id IS NULL AND due_at <= @due_by
ORDER BY due_at, currency;

-- name: ClaimRecognition :one
-- One process recognises at a time; the others have nothing to do then.
SELECT pg_try_advisory_xact_lock(hashtextextended('corebilling_revenue_recognition', 0))::boolean AS claimed;

-- name: Recognise :many
-- Earns all that is due of these months and answers how much on which account. Shares that somebody else earned meanwhile
-- are passed over, those committed later are found by the next turn.
WITH earned AS (
  UPDATE deferral_shares s SET recognition_id = k.recognition_id
  FROM unnest(@tenant_ids::uuid[], @due_ats::timestamptz[], @currencies::text[], @recognition_ids::uuid[])
    AS k(tenant_id, due_at, currency, recognition_id)
  WHERE s.tenant_id = k.tenant_id AND s.due_at = k.due_at AND s.currency = k.currency AND s.recognition_id IS NULL
  RETURNING s.tenant_id, s.recognition_id, s.account, s.amount_minor
)
SELECT e.tenant_id, e.recognition_id::uuid AS recognition_id, e.account, sum(e.amount_minor)::bigint AS amount_minor,
  count(*)::int AS share_count
FROM earned e GROUP BY e.tenant_id, e.recognition_id, e.account ORDER BY e.recognition_id, e.account;

-- name: AddRecognitions :exec
-- What the months earned, each with its journal.
INSERT INTO revenue_recognitions (tenant_id, recognition_id, month, currency, amount_minor, share_count, total_minor, journal_id,
  recognised_at)
SELECT r.tenant_id, r.recognition_id, r.month, r.currency, r.amount_minor, r.share_count, r.total_minor, r.journal_id,
  @recognised_at
FROM unnest(@tenant_ids::uuid[], @recognition_ids::uuid[], @months::date[], @currencies::text[], @amounts_minor::bigint[],
  @share_counts::int[], @totals_minor::bigint[], @journal_ids::uuid[])
  AS r(tenant_id, recognition_id, month, currency, amount_minor, share_count, total_minor, journal_id);

-- name: NextDue :one
-- When a tenant has something to earn next.
SELECT min(due_at)::timestamptz AS due_at FROM deferral_shares WHERE tenant_id = @tenant_id AND recognition_id IS NULL;

-- name: RecognitionsInOrder :many
-- Recognitions that have a journal, in the order of the proof.
SELECT tenant_id, recognition_id, journal_id, currency, total_minor FROM revenue_recognitions
WHERE (tenant_id, recognition_id) > (@after_tenant_id::uuid, @after_document_id::uuid) AND journal_id IS NOT NULL
ORDER BY tenant_id, recognition_id
LIMIT @page::int;

-- name: DeferredByMonth :many
-- What each month earned or will earn of what was deferred, by account.
SELECT currency, month, account,
  coalesce(sum(amount_minor) FILTER (WHERE recognition_id IS NOT NULL), 0)::numeric AS recognised_minor,
  coalesce(sum(amount_minor) FILTER (WHERE recognition_id IS NULL), 0)::numeric AS deferred_minor
FROM deferral_shares
WHERE tenant_id = @tenant_id AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency'))
  AND (sqlc.narg('from_month')::date IS NULL OR month >= sqlc.narg('from_month'))
  AND (sqlc.narg('to_month')::date IS NULL OR month <= sqlc.narg('to_month'))
GROUP BY currency, month, account ORDER BY currency, month, account;

-- name: PutOffInAll :many
-- What is still to be earned, by tenant and currency.
SELECT tenant_id, currency, sum(amount_minor)::numeric AS amount_minor FROM deferral_shares
WHERE recognition_id IS NULL GROUP BY tenant_id, currency;
