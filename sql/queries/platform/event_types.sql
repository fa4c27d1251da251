-- name: PutEventType :one
-- Registers a subject, or replaces what was said of it.
INSERT INTO event_types AS held (tenant_id, subject, description, json_schema, created_at, updated_at)
VALUES (@tenant_id, @subject, @description, sqlc.narg('json_schema'), @now, @now)
ON CONFLICT (tenant_id, subject) DO UPDATE
SET description = EXCLUDED.description, json_schema = EXCLUDED.json_schema, updated_at = EXCLUDED.updated_at
RETURNING *;

-- name: GetEventType :one
-- What a tenant registered under a subject.
SELECT * FROM event_types WHERE tenant_id = @tenant_id AND subject = @subject;

-- name: DropEventType :one
-- Takes a subject off the register; events that were published stay.
DELETE FROM event_types WHERE tenant_id = @tenant_id AND subject = @subject RETURNING subject;

-- name: ListEventTypes :many
-- A tenant's own subjects in their order, a page at a time.
SELECT * FROM event_types
WHERE tenant_id = @tenant_id AND subject > @after
ORDER BY subject
LIMIT @page_size::int;

-- name: CountEventTypes :one
-- How many others a tenant has registered: there is a limit.
SELECT count(*) FROM event_types WHERE tenant_id = @tenant_id AND subject <> @subject;

-- name: SchemasOfSubjects :many
-- The schemas that events about to be published must fit.
SELECT subject, json_schema FROM event_types
WHERE tenant_id = @tenant_id AND subject = ANY(@subjects::text[]) AND json_schema IS NOT NULL;
