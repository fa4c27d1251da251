-- name: ClearDefault :exec
-- Makes room for another default: a tenant has one at a time.
UPDATE rate_cards SET is_default = false WHERE tenant_id = @tenant_id AND is_default;

-- name: AddRateCard :one
-- A rate card; no row comes back where the code is taken, or where another default came first.
INSERT INTO rate_cards (tenant_id, rate_card_id, code, name, currency, order_amount, is_default, created_at, customer_id, valid_from, valid_until)
VALUES (@tenant_id, @rate_card_id, @code, @name, @currency, @order_amount, @is_default, @created_at, sqlc.narg('customer_id')::uuid,
  sqlc.narg('valid_from')::timestamptz, sqlc.narg('valid_until')::timestamptz)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: LockCardsOf :exec
-- Whoever changes the cards of the same customer waits here until this transaction ends.
SELECT rate_cards_lock(@tenant_id::uuid, @customer_id::uuid);

-- name: GetCardsOf :many
-- A customer's cards that hold at some instant of a time, in its order.
SELECT * FROM rate_cards
WHERE tenant_id = @tenant_id AND customer_id = @customer_id
  AND (sqlc.narg('from_')::timestamptz IS NULL OR valid_until IS NULL OR valid_until > sqlc.narg('from_'))
  AND (sqlc.narg('until')::timestamptz IS NULL OR valid_from IS NULL OR valid_from < sqlc.narg('until'))
ORDER BY valid_from NULLS FIRST;

-- name: EndRateCard :one
-- Lets a customer's card hold until then.
UPDATE rate_cards SET valid_until = @valid_until
WHERE tenant_id = @tenant_id AND rate_card_id = @rate_card_id AND customer_id IS NOT NULL
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

-- name: GetCardFor :one
-- The card that a customer's quotes use at an instant: its own, else the tenant's default; without a customer, the default.
SELECT * FROM rate_cards
WHERE tenant_id = @tenant_id
  AND (is_default OR (customer_id = sqlc.narg('customer_id')::uuid
    AND (valid_from IS NULL OR valid_from <= @at) AND (valid_until IS NULL OR valid_until > @at)))
ORDER BY is_default
LIMIT 1;

-- name: ListRateCards :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM rate_cards
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR rate_card_id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('is_default')::boolean IS NULL OR is_default = sqlc.narg('is_default'))
  AND (sqlc.narg('valid_at')::timestamptz IS NULL OR
    ((valid_from IS NULL OR valid_from <= sqlc.narg('valid_at')) AND (valid_until IS NULL OR valid_until > sqlc.narg('valid_at'))))
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
