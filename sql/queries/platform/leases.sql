-- name: Heartbeat :exec
-- Says that a dispatcher lives, so that the others leave it its share. All times of leases are the database's.
INSERT INTO outbox_dispatchers (owner, expires_at) VALUES (@owner, clock_timestamp() + make_interval(secs => @ttl_seconds))
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at;

-- name: ForgetDispatchers :exec
-- Removes this dispatcher as it stops, and those long dead.
DELETE FROM outbox_dispatchers WHERE owner = @owner OR expires_at < clock_timestamp() - interval '1 hour';

-- name: CountDispatchers :one
-- Counts the living, for the fair share of each.
SELECT count(*)::integer AS living FROM outbox_dispatchers WHERE expires_at > clock_timestamp();

-- name: RenewLeases :many
-- Keeps the shards that are still held under these tokens, and notes how far each has been read.
UPDATE outbox_leases l
SET expires_at = clock_timestamp() + make_interval(secs => @ttl_seconds), low_water = k.low_water
FROM unnest(@shards::smallint[], @tokens::bigint[], @low_waters::uuid[]) AS k(shard, token, low_water)
WHERE l.shard = k.shard AND l.token = k.token AND l.owner = @owner
RETURNING l.shard;

-- name: TakeLeases :many
-- Takes free and expired shards; the token grows, so that marks of the holder before are refused.
UPDATE outbox_leases l
SET owner = @owner, token = l.token + 1, expires_at = clock_timestamp() + make_interval(secs => @ttl_seconds)
FROM (
  SELECT f.shard FROM outbox_leases f WHERE f.owner IS NULL OR f.expires_at < clock_timestamp()
  ORDER BY f.shard LIMIT @wanted::integer FOR UPDATE SKIP LOCKED
) AS free
WHERE l.shard = free.shard
RETURNING l.shard, l.token, l.low_water;

-- name: ReleaseLeases :exec
-- Gives shards back, for a dispatcher that has none or when this one stops.
UPDATE outbox_leases SET owner = NULL, expires_at = '-infinity' WHERE owner = @owner AND shard = ANY (@shards::smallint[]);
