-- name: AddCoupon :one
-- A coupon; no row comes back where the code is taken.
INSERT INTO coupons (tenant_id, coupon_id, code, name, percent_off, amount_off_minor, currency, duration, duration_periods, redeem_by,
  max_redemptions, created_at)
VALUES (@tenant_id, @coupon_id, @code, @name, sqlc.narg('percent_off')::numeric, sqlc.narg('amount_off_minor')::bigint,
  sqlc.narg('currency')::text, @duration, sqlc.narg('duration_periods')::integer, sqlc.narg('redeem_by')::timestamptz,
  sqlc.narg('max_redemptions')::integer, @created_at)
ON CONFLICT (tenant_id, code) DO NOTHING
RETURNING *;

-- name: ListCoupons :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM coupons
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR coupon_id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
  AND (sqlc.narg('archived')::boolean IS NULL OR (archived_at IS NOT NULL) = sqlc.narg('archived'))
ORDER BY coupon_id DESC
LIMIT @page_size::int;

-- name: FindCoupon :one
-- A coupon by its id or, where that is nobody's, by its code.
SELECT * FROM coupons
WHERE tenant_id = @tenant_id AND (coupon_id = sqlc.narg('coupon_id')::uuid OR code = @code)
ORDER BY (coupon_id = sqlc.narg('coupon_id')::uuid) DESC NULLS LAST
LIMIT 1;

-- name: LockCoupons :many
-- Coupons as they are until this transaction ends: whoever redeems them at the same moment waits here, in the same order.
SELECT * FROM coupons WHERE tenant_id = @tenant_id AND code = ANY(@codes::text[]) ORDER BY coupon_id FOR UPDATE;

-- name: ArchiveCoupon :one
-- Takes a coupon out of use; no row comes back where it was already.
UPDATE coupons SET archived_at = @archived_at
WHERE tenant_id = @tenant_id AND coupon_id = @coupon_id AND archived_at IS NULL
RETURNING *;

-- name: KnownRedemptions :many
-- Which redemptions are known: they must not count twice.
SELECT redemption_id FROM coupon_redemptions WHERE tenant_id = @tenant_id AND redemption_id = ANY(@redemption_ids::uuid[]);

-- name: AddRedemptions :exec
-- Who redeems what.
INSERT INTO coupon_redemptions (tenant_id, redemption_id, coupon_id, subscription_id, customer_id, redeemed_at)
SELECT @tenant_id, n.redemption_id, n.coupon_id, n.subscription_id, n.customer_id, @redeemed_at
FROM unnest(@redemption_ids::uuid[], @coupon_ids::uuid[], @subscription_ids::uuid[], @customer_ids::uuid[])
  AS n(redemption_id, coupon_id, subscription_id, customer_id)
ORDER BY n.redemption_id;

-- name: CountRedemptions :exec
-- So many more of each; the caller holds the rows' locks.
UPDATE coupons AS c SET times_redeemed = c.times_redeemed + n.redeemed
FROM unnest(@coupon_ids::uuid[], @counts::integer[]) AS n(coupon_id, redeemed)
WHERE c.tenant_id = @tenant_id AND c.coupon_id = n.coupon_id;
