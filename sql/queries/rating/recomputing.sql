-- name: RatingHeads :many
-- What ratings with charges say of themselves, for computing them again: those of periods, and those within them or after the end.
SELECT c.rating_id, c.subscription_id, coalesce(r.currency, i.currency)::text AS currency,
  coalesce(r.total_minor, i.total_minor)::bigint AS total_minor
FROM (
  SELECT DISTINCT x.tenant_id, x.rating_id, x.subscription_id, x.rated_from FROM charges x
  WHERE x.tenant_id = @tenant_id AND x.rating_id = ANY(@rating_ids::uuid[])
) AS c
LEFT JOIN ratings r ON r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id
  AND r.period_start = c.rated_from AND r.rating_id = c.rating_id
LEFT JOIN interim_ratings i ON i.tenant_id = c.tenant_id AND i.subscription_id = c.subscription_id AND i.rating_id = c.rating_id
WHERE num_nonnulls(r.rating_id, i.rating_id) = 1;
