-- name: RotateAttempts :one
-- Partitions of the coming days made and those past retention dropped; answers how many were dropped.
SELECT corebilling_rotate_webhook_attempts(@days_ahead::integer, @keep_days::integer)::integer AS dropped;

-- name: ForgetDeliveries :many
-- A batch of deliveries that came to their end and were made long ago, from a tenant on. Walks from tenant to tenant, whose
-- oldest come first in the key; answers how many of which tenant went.
WITH RECURSIVE tenant AS (
  (SELECT f.tenant_id FROM webhook_deliveries f WHERE f.tenant_id >= @from_tenant_id::uuid ORDER BY f.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM tenant t CROSS JOIN LATERAL (
    SELECT g.tenant_id FROM webhook_deliveries g WHERE g.tenant_id > t.tenant_id ORDER BY g.tenant_id LIMIT 1
  ) AS n
), old AS (
  SELECT o.tenant_id, o.delivery_id FROM tenant t CROSS JOIN LATERAL (
    SELECT d.tenant_id, d.delivery_id FROM webhook_deliveries d
    WHERE d.tenant_id = t.tenant_id AND d.delivery_id < @before_id::uuid AND d.status <> 'pending'
    ORDER BY d.delivery_id LIMIT @batch_size::int FOR UPDATE SKIP LOCKED
  ) AS o
  LIMIT @batch_size::int
), tried AS (
  DELETE FROM webhook_attempts a USING old WHERE a.tenant_id = old.tenant_id AND a.delivery_id = old.delivery_id
), gone AS (
  DELETE FROM webhook_deliveries d USING old WHERE d.tenant_id = old.tenant_id AND d.delivery_id = old.delivery_id
  RETURNING d.tenant_id
)
SELECT gone.tenant_id, count(*) AS gone FROM gone GROUP BY gone.tenant_id ORDER BY gone.tenant_id;

-- name: ForgetMessages :many
-- A batch of messages as old that nobody is to get any more, in the same way.
WITH RECURSIVE tenant AS (
  (SELECT f.tenant_id FROM webhook_messages f WHERE f.tenant_id >= @from_tenant_id::uuid ORDER BY f.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM tenant t CROSS JOIN LATERAL (
    SELECT g.tenant_id FROM webhook_messages g WHERE g.tenant_id > t.tenant_id ORDER BY g.tenant_id LIMIT 1
  ) AS n
), old AS (
  SELECT o.tenant_id, o.event_id FROM tenant t CROSS JOIN LATERAL (
    SELECT m.tenant_id, m.event_id FROM webhook_messages m
    WHERE m.tenant_id = t.tenant_id AND m.event_id < @before_id::uuid
      AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.tenant_id = m.tenant_id AND d.event_id = m.event_id)
    ORDER BY m.event_id LIMIT @batch_size::int
  ) AS o
  LIMIT @batch_size::int
), gone AS (
  DELETE FROM webhook_messages m USING old WHERE m.tenant_id = old.tenant_id AND m.event_id = old.event_id
  RETURNING m.tenant_id
)
SELECT gone.tenant_id, count(*) AS gone FROM gone GROUP BY gone.tenant_id ORDER BY gone.tenant_id;

-- name: ForgetPaces :exec
-- The buckets of endpoints that are gone or have no limit any more.
DELETE FROM webhook_paces b WHERE NOT EXISTS (
  SELECT 1 FROM webhook_endpoints e
  WHERE e.tenant_id = b.tenant_id AND e.endpoint_id = b.endpoint_id AND e.rate_limit IS NOT NULL
);
