-- name: KeepQuote :exec
-- Keeps a quote as it was answered.
INSERT INTO quotes (tenant_id, quote_id, customer_id, rate_card_id, quoted_at, quote)
VALUES (@tenant_id, @quote_id, sqlc.narg('customer_id'), @rate_card_id, @quoted_at, @quote::json);

-- name: GetQuote :one
-- One quote of the tenant.
SELECT quote FROM quotes WHERE tenant_id = @tenant_id AND quote_id = @quote_id;

-- name: ListQuotes :many
-- Newest first, a page at a time.
SELECT quote FROM quotes
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR quote_id < sqlc.narg('before_id'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('rate_card_id')::uuid IS NULL OR rate_card_id = sqlc.narg('rate_card_id'))
  AND quoted_at >= coalesce(sqlc.narg('from_at')::timestamptz, '-infinity')
  AND quoted_at < coalesce(sqlc.narg('to_at')::timestamptz, 'infinity')
ORDER BY quote_id DESC
LIMIT @page_size::int;
