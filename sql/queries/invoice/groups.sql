-- name: LockGroups :exec
-- One transaction at a time for each group: who comes second sees what the first one kept, and none thinks it is incomplete.
SELECT count(pg_advisory_xact_lock(hashtextextended(g.tenant_id::text || g.group_id::text, 1)))
FROM (
  SELECT DISTINCT k.tenant_id, k.group_id FROM unnest(@tenant_ids::uuid[], @group_ids::uuid[]) AS k(tenant_id, group_id)
  ORDER BY k.tenant_id, k.group_id
) AS g;

-- name: KeepRatings :exec
-- Keeps ratings until all of their group are there; one that is kept already stays as it is.
INSERT INTO invoice_ratings (tenant_id, group_id, rating_id, subscription_id, rating)
SELECT n.tenant_id, n.group_id, n.rating_id, n.subscription_id, n.rating
FROM unnest(
  @tenant_ids::uuid[], @group_ids::uuid[], @rating_ids::uuid[], @subscription_ids::uuid[], @ratings::json[]
) AS n(tenant_id, group_id, rating_id, subscription_id, rating)
ORDER BY n.tenant_id, n.group_id, n.rating_id
ON CONFLICT (tenant_id, group_id, rating_id) DO NOTHING;

-- name: RatingsOfGroups :many
-- All that is there of these groups, in the order in which their subscriptions were made.
SELECT r.tenant_id, r.group_id, r.rating FROM unnest(@tenant_ids::uuid[], @group_ids::uuid[]) AS k(tenant_id, group_id)
JOIN invoice_ratings r ON r.tenant_id = k.tenant_id AND r.group_id = k.group_id
ORDER BY r.tenant_id, r.group_id, r.subscription_id;

-- name: Invoiced :exec
-- Notes which invoice ratings are on.
UPDATE invoice_ratings r SET invoice_id = k.invoice_id
FROM unnest(@tenant_ids::uuid[], @group_ids::uuid[], @rating_ids::uuid[], @invoice_ids::uuid[])
  AS k(tenant_id, group_id, rating_id, invoice_id)
WHERE r.tenant_id = k.tenant_id AND r.group_id = k.group_id AND r.rating_id = k.rating_id;

-- name: RatingsOnInvoices :many
-- The ratings that invoices of several subscriptions came from, in the order of their lines.
SELECT r.invoice_id::uuid AS invoice_id, r.rating_id, r.subscription_id
FROM unnest(@group_ids::uuid[], @invoice_ids::uuid[]) AS k(group_id, invoice_id)
JOIN invoice_ratings r ON r.tenant_id = @tenant_id AND r.group_id = k.group_id AND r.invoice_id = k.invoice_id
ORDER BY r.invoice_id, r.subscription_id;
