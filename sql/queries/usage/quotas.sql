-- name: ListGuards :many
-- All quotas of a tenant with what ingest needs to know; most tenants have none, and are asked about once a second at most.
SELECT q.id, q.scope, q.customer_id, q.meter_id, m.code AS meter, m.aggregation, q.period, q.time_zone, q.limit_quantity, q.warn_at, q.mode
FROM usage_quotas AS q
LEFT JOIN meters AS m ON m.tenant_id = q.tenant_id AND m.id = q.meter_id
WHERE q.tenant_id = @tenant_id
ORDER BY q.id;

-- name: HoldCounters :many
-- Counters of the present periods, held until the transaction ends, so that batches at once are counted one after the other. In the order of their ids, lest two batches wait for each other. A quota that is gone has none.
INSERT INTO usage_quota_counters AS c (tenant_id, quota_id, period_start, period_end, used, refused, exceeded)
SELECT @tenant_id, q.id, p.start_at, p.end_at, 0, 0, false
FROM unnest(@quota_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[]) AS p(quota_id, start_at, end_at)
JOIN usage_quotas AS q ON q.tenant_id = @tenant_id AND q.id = p.quota_id
ORDER BY q.id
ON CONFLICT (tenant_id, quota_id, period_start) DO UPDATE SET used = c.used
RETURNING c.quota_id, c.period_start, c.used, c.refused, c.exceeded;

-- name: SetCounters :exec
-- What a batch has added to the counters that it holds.
UPDATE usage_quota_counters AS c SET used = n.used, refused = n.refused, exceeded = n.exceeded
FROM unnest(@quota_ids::uuid[], @starts::timestamptz[], @useds::numeric[], @refuseds::bigint[], @exceededs::boolean[])
  AS n(quota_id, period_start, used, refused, exceeded)
WHERE c.tenant_id = @tenant_id AND c.quota_id = n.quota_id AND c.period_start = n.period_start;

-- name: NumberNotices :many
-- Numbers for what is told about quotas: the last one taken of each.
UPDATE usage_quotas AS q SET event_seq = q.event_seq + n.notices
FROM unnest(@quota_ids::uuid[], @notices::bigint[]) AS n(quota_id, notices)
WHERE q.tenant_id = @tenant_id AND q.id = n.quota_id
RETURNING q.id, q.event_seq;

-- name: AddQuota :one
-- A new quota; none if there is one already for the same period.
INSERT INTO usage_quotas (tenant_id, id, scope, customer_id, meter_id, period, time_zone, limit_quantity, warn_at, mode, created_at, updated_at)
VALUES (@tenant_id, @id, @scope, sqlc.narg('customer_id'), sqlc.narg('meter_id'), @period, @time_zone, @limit_quantity, @warn_at::numeric[], @mode, @created_at, @created_at)
ON CONFLICT (tenant_id, customer_id, meter_id, period) DO NOTHING
RETURNING id;

-- name: ChangeQuota :exec
-- What may change about a quota; whom it is of and its period never do, because its counters rest on them.
UPDATE usage_quotas SET limit_quantity = @limit_quantity, warn_at = @warn_at::numeric[], mode = @mode, updated_at = @updated_at
WHERE tenant_id = @tenant_id AND id = @id;

-- name: DeleteQuotas :many
-- Quotas that guard nothing any more.
DELETE FROM usage_quotas WHERE tenant_id = @tenant_id AND id = ANY(@ids::uuid[]) RETURNING id;

-- name: ListQuotas :many
-- Newest first, a page at a time, or those with the ids or of the scope asked for.
SELECT q.id, q.scope, q.customer_id, q.meter_id, m.code AS meter, m.aggregation, q.period, q.time_zone, q.limit_quantity, q.warn_at, q.mode,
  q.created_at, q.updated_at
FROM usage_quotas AS q
LEFT JOIN meters AS m ON m.tenant_id = q.tenant_id AND m.id = q.meter_id
WHERE q.tenant_id = @tenant_id
  AND (sqlc.narg('id')::uuid IS NULL OR q.id = sqlc.narg('id'))
  AND (sqlc.narg('before_id')::uuid IS NULL OR q.id < sqlc.narg('before_id'))
  AND (sqlc.narg('scope')::text IS NULL OR q.scope = sqlc.narg('scope'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR q.customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('meter')::text IS NULL OR m.code = sqlc.narg('meter'))
ORDER BY q.id DESC
LIMIT @page_size::int;

-- name: FindCounters :many
-- What was used in these periods.
SELECT c.quota_id, c.used, c.refused, c.exceeded
FROM unnest(@quota_ids::uuid[], @starts::timestamptz[]) AS p(quota_id, start_at)
JOIN usage_quota_counters AS c ON c.tenant_id = @tenant_id AND c.quota_id = p.quota_id AND c.period_start = p.start_at;

-- name: ForgetCounters :many
-- Counters of periods that ended long ago, of all tenants, a batch at a time.
DELETE FROM usage_quota_counters AS c
USING (SELECT o.tenant_id, o.quota_id, o.period_start FROM usage_quota_counters AS o WHERE o.period_end < @ended_before LIMIT @batch_size::int) AS old
WHERE c.tenant_id = old.tenant_id AND c.quota_id = old.quota_id AND c.period_start = old.period_start
RETURNING c.quota_id;
