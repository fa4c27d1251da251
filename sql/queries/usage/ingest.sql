-- name: HoldWriteLocks :exec
-- The first statement of a batch, before it reads epoch and generation: nobody seals or rotates until this transaction ends. It also keeps plans for the rest of it: for a small batch planning anew costs more than running.
SELECT pg_advisory_xact_lock_shared(@rotation_lock::bigint), pg_advisory_xact_lock_shared(@tenant_lock::bigint),
  set_config('plan_cache_mode', 'force_generic_plan', true);

-- name: StoreEvents :many
-- Claims the keys and stores the events that are new; answers the keys that were there before. Keys must be distinct. The lookup in the older generation is a scalar one, lest it become a scan of it.
WITH sent AS MATERIALIZED (
  SELECT s.key::uuid AS key, s.body::uuid AS body, s.subscription_id::uuid AS subscription_id, s.meter_id::uuid AS meter_id,
         s.ts, s.quantity, s.event_id, s.source, s.unique_value, s.properties, s.counted, s.group_values
  FROM unnest(
    @keys::text[], @bodies::text[], @subscription_ids::text[], @meter_ids::text[], @timestamps::timestamptz[],
    @quantities::numeric[], @event_ids::text[], @sources::text[], @unique_values::text[], @properties::json[],
    @counted::boolean[], @group_values::text[]
  ) AS s(key, body, subscription_id, meter_id, ts, quantity, event_id, source, unique_value, properties, counted, group_values)
), generation AS MATERIALIZED (
  SELECT g.current FROM usage_generation AS g
), claimed AS (
  INSERT INTO usage_keys (tenant_id, key, body, generation, subscription_id, ts)
  SELECT @tenant_id, s.key, s.body, (SELECT g.current FROM generation AS g), s.subscription_id, s.ts
  FROM sent AS s
  WHERE (SELECT true FROM usage_keys AS k
         WHERE k.tenant_id = @tenant_id AND k.key = s.key AND k.generation = 1 - (SELECT g.current FROM generation AS g)) IS NULL
  ORDER BY s.key
  ON CONFLICT (tenant_id, key, generation) DO NOTHING
  RETURNING usage_keys.key
), stored AS (
  INSERT INTO usage_events (tenant_id, subscription_id, meter_id, key, ts, received_at, epoch, quantity, event_id, source, unique_value, properties,
    counted, group_values)
  SELECT @tenant_id, s.subscription_id, s.meter_id, s.key, s.ts, @received_at,
    coalesce((SELECT e.epoch FROM usage_epochs AS e WHERE e.tenant_id = @tenant_id), 1),
    s.quantity, s.event_id, s.source, s.unique_value, s.properties, s.counted, s.group_values::text[]
  FROM claimed AS c JOIN sent AS s ON s.key = c.key
)
SELECT replace(s.key::text, '-', '')::text AS key FROM sent AS s WHERE NOT EXISTS (SELECT FROM claimed AS c WHERE c.key = s.key);

-- name: AddToRollups :exec
-- The last statement of a batch: concurrent batches of a tenant wait here for each other, from this lock to the COMMIT right behind it.
INSERT INTO usage_rollups AS r (tenant_id, subscription_id, meter_id, hour_at, epoch, event_count, value_sum, value_max, value_min)
SELECT @tenant_id, a.subscription_id::uuid, a.meter_id::uuid, a.hour_at,
  coalesce((SELECT e.epoch FROM usage_epochs AS e WHERE e.tenant_id = @tenant_id), 1), a.event_count, a.value_sum, a.value_max, a.value_min
FROM unnest(@subscription_ids::text[], @meter_ids::text[], @hours::timestamptz[], @event_counts::bigint[], @value_sums::numeric[], @value_maxes::numeric[], @value_mins::numeric[])
  AS a(subscription_id, meter_id, hour_at, event_count, value_sum, value_max, value_min)
ORDER BY a.subscription_id, a.meter_id, a.hour_at
ON CONFLICT (tenant_id, subscription_id, meter_id, hour_at, epoch) DO UPDATE SET
  event_count = r.event_count + excluded.event_count,
  value_sum = r.value_sum + excluded.value_sum,
  value_max = greatest(r.value_max, excluded.value_max),
  value_min = least(r.value_min, excluded.value_min);

-- name: FindBodies :many
-- The body hashes of keys that were there before, to tell a retry from another event under the same key.
SELECT replace(k.key::text, '-', '')::text AS key, replace(k.body::text, '-', '')::text AS body FROM usage_keys AS k
WHERE k.tenant_id = @tenant_id AND k.key = ANY(@keys::uuid[]);
