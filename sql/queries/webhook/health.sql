-- name: NoteFailing :many
-- When endpoints began to fail, and their end after too long of it; answers those that were changed.
UPDATE webhook_endpoints e SET
  failing_since = coalesce(e.failing_since, @at::timestamptz),
  status = CASE WHEN e.failing_since <= @give_up_since::timestamptz THEN 'disabled' ELSE e.status END,
  disabled_reason = CASE WHEN e.failing_since <= @give_up_since::timestamptz THEN 'failing' ELSE e.disabled_reason END,
  disabled_at = CASE WHEN e.failing_since <= @give_up_since::timestamptz THEN @at::timestamptz ELSE e.disabled_at END,
  seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.status = 'active' AND (f.failing_since IS NULL OR f.failing_since <= @give_up_since::timestamptz)
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id
RETURNING e.tenant_id, e.endpoint_id, e.url, e.status, e.failing_since, e.seq;

-- name: NoteRecovered :exec
-- Deliveries got through: the endpoints aren't failing any more.
UPDATE webhook_endpoints e SET failing_since = NULL, seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.failing_since IS NOT NULL
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id;

-- name: NoteGone :many
-- The receivers answered 410 Gone: they ask not to be called any more. Answers those that were still active.
UPDATE webhook_endpoints e SET
  status = 'disabled', disabled_reason = 'gone', disabled_at = @at::timestamptz, seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.status = 'active'
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id
RETURNING e.tenant_id, e.endpoint_id, e.url, e.status, e.failing_since, e.seq;
