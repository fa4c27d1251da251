-- name: PutLogo :one
-- The tenant's picture, in place of the one before.
INSERT INTO tenant_logos (tenant_id, media_type, image, updated_at) VALUES (@tenant_id, @media_type, @image, @updated_at)
ON CONFLICT (tenant_id) DO UPDATE SET media_type = excluded.media_type, image = excluded.image, updated_at = excluded.updated_at
RETURNING tenant_id;

-- name: GetLogo :one
-- The tenant's picture, if it has one.
SELECT media_type, image FROM tenant_logos WHERE tenant_id = @tenant_id;

-- name: DeleteLogo :many
-- Documents made from now on have none.
DELETE FROM tenant_logos WHERE tenant_id = @tenant_id RETURNING tenant_id;
