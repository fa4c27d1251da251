-- name: ClearDefault :exec
-- Makes room for another default: a tenant has one at a time.
UPDATE rate_cards SET is_default = false WHERE tenant_id = @tenant_id AND is_default;

-- name: AddRateCard :one
-- A rate card; no row comes back where the code is taken, or where another default came first.
INSERT INTO rate_cards (tenant_id, rate_card_id, code, name, currency, order_amount, is_default, created_at)
VALUES (@tenant_id, @rate_card_id, @code, @name, @currency, @order_amount, @is_default, @created_at)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: AddRules :exec
-- All rules of a card at once.
INSERT INTO rate_card_rules (tenant_id, rate_card_id, rule_no, metric, range_start, range_end, base_amount, unit_amount, unit)
SELECT @tenant_id, @rate_card_id, r.rule_no, r.metric, r.range_start, r.range_end, r.base_amount, r.unit_amount, r.unit
FROM unnest(@rule_nos::integer[], @metrics::text[], @range_starts::numeric[], @range_ends::numeric[],
  @base_amounts::numeric[], @unit_amounts::numeric[], @units::text[])
  AS r(rule_no, metric, range_start, range_end, base_amount, unit_amount, unit)
ORDER BY r.rule_no;

-- name: GetRateCard :one
-- One card by its id.
SELECT * FROM rate_cards WHERE tenant_id = @tenant_id AND rate_card_id = @rate_card_id;

-- name: GetDefault :one
-- The card that quotes use when none is named.
SELECT * FROM rate_cards WHERE tenant_id = @tenant_id AND is_default;

-- name: ListRateCards :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM rate_cards
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR rate_card_id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
ORDER BY rate_card_id DESC
LIMIT @page_size::int;

-- name: GetRules :many
-- The rules of a page of cards, in the order in which they were given.
SELECT * FROM rate_card_rules
WHERE tenant_id = @tenant_id AND rate_card_id = ANY(@rate_card_ids::uuid[])
ORDER BY rate_card_id, rule_no;

-- name: CountActiveRateCards :one
-- How many tenants have a card to quote from, for the readiness answer.
SELECT count(tenant_id)::bigint AS active FROM rate_cards WHERE is_default;
