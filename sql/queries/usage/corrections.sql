-- name: HoldCorrectionLock :exec
-- The first statement of a correction: a tenant's corrections come one after the other, so that each sees what the one before it left.
SELECT pg_advisory_xact_lock(@correction_lock::bigint);

-- name: FindKeys :many
-- Where the events of these names lie that were accepted within the time that keys are kept.
SELECT k.key, k.body, k.subscription_id, k.ts FROM usage_keys AS k
WHERE k.tenant_id = @tenant_id AND k.key = ANY(@keys::uuid[]);

-- name: FindCorrectedNames :many
-- What these names stand for, if they were corrected before.
SELECT n.name_key, n.key, n.subscription_id, n.ts, n.counts, n.correction_id FROM usage_corrected_names AS n
WHERE n.tenant_id = @tenant_id AND n.name_key = ANY(@name_keys::uuid[]);

-- name: FindEvent :one
-- One stored event by its key; without its timestamp the subscription's whole history is looked through.
SELECT e.key, e.subscription_id, e.meter_id, m.code AS meter, e.ts, e.quantity, e.event_id, e.source, e.unique_value, e.properties, e.counted
FROM usage_events AS e
JOIN meters AS m ON m.tenant_id = e.tenant_id AND m.id = e.meter_id
WHERE e.tenant_id = @tenant_id AND e.subscription_id = @subscription_id AND e.key = @key
  AND e.ts >= coalesce(sqlc.narg('ts')::timestamptz, '-infinity') AND e.ts <= coalesce(sqlc.narg('ts')::timestamptz, 'infinity')
LIMIT 1;

-- name: ListCounting :many
-- The events of a meter that count in a range, all of them or those of the keys asked for.
SELECT e.key, e.subscription_id, e.meter_id, m.code AS meter, e.ts, e.quantity, e.event_id, e.source, e.unique_value, e.properties, e.counted
FROM usage_events AS e
JOIN meters AS m ON m.tenant_id = e.tenant_id AND m.id = e.meter_id
WHERE e.tenant_id = @tenant_id AND e.subscription_id = ANY(@subscription_ids::uuid[]) AND e.meter_id = @meter_id
  AND e.ts >= @from_at AND e.ts < @to_at
  AND (sqlc.narg('keys')::uuid[] IS NULL OR e.key = ANY(sqlc.narg('keys')::uuid[]))
  AND NOT EXISTS (
    SELECT FROM usage_voids AS v
    WHERE v.tenant_id = e.tenant_id AND v.subscription_id = e.subscription_id AND v.meter_id = e.meter_id AND v.ts = e.ts AND v.key = e.key
  )
LIMIT @most::int;

-- name: AddVoids :exec
-- Takes events back from the present epoch on.
INSERT INTO usage_voids (tenant_id, subscription_id, meter_id, ts, key, epoch, correction_id)
SELECT @tenant_id, v.subscription_id, v.meter_id, v.ts, v.key,
  coalesce((SELECT e.epoch FROM usage_epochs AS e WHERE e.tenant_id = @tenant_id), 1), @correction_id
FROM unnest(@subscription_ids::uuid[], @meter_ids::uuid[], @timestamps::timestamptz[], @keys::uuid[]) AS v(subscription_id, meter_id, ts, key)
ORDER BY v.subscription_id, v.meter_id, v.ts, v.key;

-- name: SetCorrectedNames :exec
-- What names stand for from now on.
INSERT INTO usage_corrected_names (tenant_id, name_key, key, subscription_id, ts, counts, correction_id)
SELECT @tenant_id, n.name_key, n.key, n.subscription_id, n.ts, n.counts, @correction_id
FROM unnest(@name_keys::uuid[], @keys::uuid[], @subscription_ids::uuid[], @timestamps::timestamptz[], @counts::boolean[])
  AS n(name_key, key, subscription_id, ts, counts)
ORDER BY n.name_key
ON CONFLICT (tenant_id, name_key) DO UPDATE SET
  key = excluded.key, subscription_id = excluded.subscription_id, ts = excluded.ts, counts = excluded.counts, correction_id = excluded.correction_id;

-- name: AddCorrection :exec
-- The trail: who put what right, when and why.
INSERT INTO usage_corrections (tenant_id, id, kind, mode, reason, actor, request_id, created_at, epoch, meter_id, subscription_ids,
  range_start, range_end, events_before, quantity_before, events_after, quantity_after, details)
VALUES (@tenant_id, @id, @kind, sqlc.narg('mode'), @reason, @actor, @request_id, @created_at,
  coalesce((SELECT e.epoch FROM usage_epochs AS e WHERE e.tenant_id = @tenant_id), 1), @meter_id, @subscription_ids::uuid[],
  @range_start, @range_end, @events_before, @quantity_before, @events_after, @quantity_after, @details::json);

-- name: ListCorrections :many
-- Newest first, a page at a time, or the one with the id asked for.
SELECT c.id, c.kind, c.mode, c.reason, c.actor, c.request_id, c.created_at, c.epoch, m.code AS meter, c.subscription_ids,
  c.range_start, c.range_end, c.events_before, c.quantity_before, c.events_after, c.quantity_after, c.details
FROM usage_corrections AS c
JOIN meters AS m ON m.tenant_id = c.tenant_id AND m.id = c.meter_id
WHERE c.tenant_id = @tenant_id
  AND (sqlc.narg('id')::uuid IS NULL OR c.id = sqlc.narg('id'))
  AND (sqlc.narg('before_id')::uuid IS NULL OR c.id < sqlc.narg('before_id'))
  AND (sqlc.narg('kind')::text IS NULL OR c.kind = sqlc.narg('kind'))
  AND (sqlc.narg('meter')::text IS NULL OR m.code = sqlc.narg('meter'))
  AND (sqlc.narg('subscription_id')::uuid IS NULL OR sqlc.narg('subscription_id')::uuid = ANY(c.subscription_ids))
  AND c.created_at >= coalesce(sqlc.narg('from_at')::timestamptz, '-infinity') AND c.created_at < coalesce(sqlc.narg('to_at')::timestamptz, 'infinity')
ORDER BY c.id DESC
LIMIT @page_size::int;
