-- name: MakePartitions :one
-- Partitions for the months from a day on, where they are missing; answers how many were made.
SELECT corebilling_usage_partitions(@from_day::date, @months::integer)::integer AS made;

-- name: RotateKeys :one
-- Empties the older generation of keys and makes it the current one, if the last rotation is old enough.
SELECT corebilling_rotate_usage_keys(@rotation_lock::bigint, @rotated_before::timestamptz, @now_at::timestamptz)::boolean AS rotated;
