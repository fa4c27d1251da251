-- name: KeepRejections :exec
-- What was refused is kept as it came, so that it can be looked at and tried again.
INSERT INTO usage_rejections (tenant_id, id, received_at, event_id, code, detail, item)
SELECT @tenant_id, r.id, @received_at, r.event_id, r.code, r.detail, r.item
FROM unnest(@ids::uuid[], @event_ids::text[], @codes::text[], @details::text[], @items::text[]) AS r(id, event_id, code, detail, item)
ORDER BY r.id;

-- name: ListRejections :many
-- Newest first, a page at a time; ids are ordered by time.
SELECT r.id, r.received_at, r.event_id, r.code, r.detail, r.item, r.attempts, r.last_attempt_at, r.resolved_at, r.outcome
FROM usage_rejections AS r
WHERE r.tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR r.id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR r.code = sqlc.narg('code'))
  AND (sqlc.narg('resolved')::boolean IS NULL OR (r.resolved_at IS NOT NULL) = sqlc.narg('resolved'))
  AND r.received_at >= coalesce(sqlc.narg('from_at')::timestamptz, '-infinity') AND r.received_at < coalesce(sqlc.narg('to_at')::timestamptz, 'infinity')
ORDER BY r.id DESC
LIMIT @page_size::int;

-- name: ClaimOpenRejections :many
-- Rejected events to try again, the oldest first, held until the transaction ends: of two requests the second finds what the first has left.
SELECT r.id, r.event_id, r.item, r.attempts FROM usage_rejections AS r
WHERE r.tenant_id = @tenant_id AND r.resolved_at IS NULL
  AND (sqlc.narg('code')::text IS NULL OR r.code = sqlc.narg('code'))
ORDER BY r.id
LIMIT @most::int
FOR UPDATE;

-- name: ClaimRejections :many
-- Rejected events of these ids, held until the transaction ends.
SELECT r.id, r.event_id, r.item, r.attempts, r.outcome FROM usage_rejections AS r
WHERE r.tenant_id = @tenant_id AND r.id = ANY(@ids::uuid[])
ORDER BY r.id
FOR UPDATE;

-- name: SettleRejections :exec
-- How another attempt ended: `outcome` where the event was taken, else the new reason.
UPDATE usage_rejections AS r SET
  code = coalesce(a.code, r.code), detail = coalesce(a.detail, r.detail), attempts = r.attempts + 1, last_attempt_at = @tried_at,
  outcome = a.outcome, resolved_at = CASE WHEN a.outcome IS NOT NULL THEN @tried_at::timestamptz END
FROM unnest(@ids::uuid[], @codes::text[], @details::text[], @outcomes::text[]) AS a(id, code, detail, outcome)
WHERE r.tenant_id = @tenant_id AND r.id = a.id;

-- name: ForgetRejections :many
-- Rejections of all tenants that have been looked at or lain long enough, a batch at a time.
DELETE FROM usage_rejections AS r
USING (SELECT o.tenant_id, o.id FROM usage_rejections AS o
       WHERE o.received_at < @received_before OR o.resolved_at < @resolved_before LIMIT @batch_size::int) AS old
WHERE r.tenant_id = old.tenant_id AND r.id = old.id
RETURNING r.id;
