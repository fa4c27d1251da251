-- name: Ping :one
-- Whether the database answers, for readiness.
SELECT 1::int AS answer;

-- name: AppliedMigrations :many
-- Which migrations this database has, for readiness: a process ahead of its schema must not get traffic.
SELECT context, number FROM schema_migrations ORDER BY context, number;
