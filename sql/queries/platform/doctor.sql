-- name: LoginFacts :one
-- What the server is, and whether the login could get past row security.
SELECT current_setting('server_version_num')::integer AS server_version,
       session_user::text AS login,
       (r.rolsuper OR r.rolbypassrls)::boolean AS passes_row_security,
       EXISTS (SELECT 1 FROM pg_catalog.pg_class c
               WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace)::boolean AS owns_tables,
       clock_timestamp()::timestamptz AS clock
FROM pg_catalog.pg_roles r WHERE r.rolname = session_user;

-- name: RolesOutOfReach :many
-- Roles of the product that are missing, or that the login may not switch to.
SELECT k.name::text AS name FROM unnest(@names::text[]) AS k(name)
WHERE NOT EXISTS (
  SELECT 1 FROM pg_catalog.pg_roles r WHERE r.rolname = k.name AND pg_has_role(session_user, r.oid, 'SET'))
ORDER BY k.name;

-- name: UnsecuredTables :many
-- Tables of tenants' rows that row security doesn't guard.
SELECT c.relname::text AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY c.relname;

-- name: MissingDays :many
-- Partitions of outbox and inbox that the coming days will need and that aren't there.
SELECT format('%s_p%s', k.parent, to_char(d.day, 'YYYYMMDD'))::text AS name
FROM unnest(@parents::text[]) AS k(parent)
CROSS JOIN generate_series(@first_day::date, @last_day::date, interval '1 day') AS d(day)
WHERE to_regclass(format('public.%s_p%s', k.parent, to_char(d.day, 'YYYYMMDD'))) IS NULL
ORDER BY 1;

-- name: DaysKept :many
-- The oldest day that each partitioned table still has.
SELECT p.relname::text AS parent, min(to_date(right(c.relname, 8), 'YYYYMMDD'))::date AS oldest
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
WHERE p.relnamespace = 'public'::regnamespace AND p.relname = ANY (@parents::text[]) AND c.relname ~ '_p\d{8}$'
GROUP BY p.relname ORDER BY p.relname;

-- name: Dispatching :one
-- How many dispatchers live and how many of the shards somebody holds.
SELECT (SELECT count(*) FROM outbox_dispatchers d WHERE d.expires_at > clock_timestamp())::integer AS living,
       count(*) FILTER (WHERE l.owner IS NOT NULL AND l.expires_at > clock_timestamp())::integer AS held,
       count(*)::integer AS shards
FROM outbox_leases l;

-- name: OldestUnpublished :many
-- The event that has waited longest for its first publication. Replayed and requeued ones are old by nature and left out.
SELECT e.tenant_id, e.event_id, e.subject, e.retry_count, e.last_error
FROM outbox_leases l
CROSS JOIN LATERAL (
  SELECT f.* FROM (
    SELECT c.tenant_id, c.event_id, c.subject, c.retry_count, c.last_error, c.republished FROM billing_events c
    WHERE c.shard = l.shard AND c.status IN ('pending', 'failed')
    ORDER BY c.event_id LIMIT @look_at::integer
  ) AS f
  WHERE f.republished = 0 ORDER BY f.event_id LIMIT 1
) AS e
ORDER BY e.event_id LIMIT 1;

-- name: SweepState :one
-- Whether the next sweep should have run long ago, and up to which id all is settled. Before the first one nothing is late.
SELECT (due_at > '-infinity' AND due_at < @late_before)::boolean AS late, swept_to FROM outbox_sweep;

-- name: ParkedByConsumer :many
-- What waits for another attempt, and how much of it should have had one.
SELECT consumer, count(*)::integer AS parked, count(DISTINCT tenant_id)::integer AS tenants, min(first_failed_at)::timestamptz AS since,
       count(*) FILTER (WHERE next_attempt_at < @overdue_before)::integer AS overdue
FROM inbox_retry GROUP BY consumer ORDER BY consumer;

-- name: DeadByConsumer :many
-- What was given up.
SELECT consumer, count(*)::integer AS dead, count(DISTINCT tenant_id)::integer AS tenants, max(last_failed_at)::timestamptz AS latest
FROM dead_letters GROUP BY consumer ORDER BY consumer;
