-- name: AddCalls :exec
-- What is to be asked of gateways, in the transaction of the payments and refunds that want it.
INSERT INTO gateway_calls (tenant_id, call_id, kind, payment_id, account_id, state, next_at, created_at)
SELECT k.tenant_id, k.call_id, k.kind, k.payment_id, k.account_id, 'due', k.at, k.at
FROM unnest(
  @tenant_ids::uuid[], @call_ids::uuid[], @kinds::text[], @payment_ids::uuid[], @account_ids::uuid[], @ats::timestamptz[]
) AS k(tenant_id, call_id, kind, payment_id, account_id, at)
ORDER BY k.tenant_id, k.call_id;

-- name: ClaimCalls :many
-- Takes calls whose turn it is under a lease, a few of each account, in the order of accounts from a given one on.
-- Walks the index from account to account, so that its cost follows the number of accounts, not their backlogs.
WITH RECURSIVE waiting AS (
  (
    SELECT f.tenant_id, f.account_id FROM gateway_calls f
    WHERE f.state <> 'done' AND (f.tenant_id, f.account_id) > (@after_tenant_id::uuid, @after_account_id::uuid)
    ORDER BY f.tenant_id, f.account_id LIMIT 1
  )
  UNION ALL
  SELECT n.tenant_id, n.account_id FROM waiting w CROSS JOIN LATERAL (
    SELECT g.tenant_id, g.account_id FROM gateway_calls g
    WHERE g.state <> 'done' AND (g.tenant_id, g.account_id) > (w.tenant_id, w.account_id)
    ORDER BY g.tenant_id, g.account_id LIMIT 1
  ) AS n
), picked AS (
  SELECT p.tenant_id, p.call_id
  FROM waiting w
  LEFT JOIN unnest(@lane_account_ids::uuid[], @lane_rooms::int[]) AS lane(account_id, room) ON lane.account_id = w.account_id
  CROSS JOIN LATERAL (
    SELECT h.tenant_id, h.call_id FROM gateway_calls h
    WHERE h.tenant_id = w.tenant_id AND h.account_id = w.account_id AND h.state <> 'done' AND h.next_at <= @at::timestamptz
    ORDER BY h.next_at
    LIMIT coalesce(lane.room, @new_room::int)
    FOR UPDATE SKIP LOCKED
  ) AS p
  LIMIT @claim_limit::int
), claimed AS (
  UPDATE gateway_calls c SET next_at = @lease_until::timestamptz, attempts = c.attempts + 1
  FROM picked WHERE c.tenant_id = picked.tenant_id AND c.call_id = picked.call_id
  RETURNING c.*
)
SELECT
  c.tenant_id, c.call_id, c.kind, c.payment_id, c.account_id, c.state, c.attempts, c.amount_minor, c.currency, c.token,
  c.gateway_customer, c.description, c.gateway_reference, c.begun_at, c.created_at, a.gateway, a.base_url, a.api_key_sealed, a.sandbox, a.status
FROM claimed c
JOIN gateway_accounts a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id
ORDER BY c.tenant_id, c.account_id, c.call_id;

-- name: PutBackCalls :exec
-- Claimed and not tried: the turn of these is a little later.
UPDATE gateway_calls c SET next_at = @at::timestamptz
FROM unnest(@tenant_ids::uuid[], @call_ids::uuid[], @attempts::int[]) AS k(tenant_id, call_id, attempts)
WHERE c.tenant_id = k.tenant_id AND c.call_id = k.call_id AND c.attempts = k.attempts AND c.state <> 'done';

-- name: NextCall :one
-- When the next call's turn is, to sleep until then. Calls of all tenants.
SELECT c.tenant_id, c.next_at::timestamptz AS next_at FROM gateway_calls c
WHERE c.state <> 'done' AND c.next_at > @at::timestamptz
ORDER BY c.next_at LIMIT 1;

-- name: BeginCalls :many
-- From here on the outcome of these calls is unknown until the gateway says it; what is asked is fixed. Answers which.
UPDATE gateway_calls c SET
  state = 'begun', begun_at = @at::timestamptz,
  amount_minor = coalesce(c.amount_minor, k.amount_minor), currency = coalesce(c.currency, k.currency),
  token = coalesce(c.token, k.token), gateway_customer = coalesce(c.gateway_customer, k.gateway_customer),
  description = coalesce(c.description, k.description)
FROM unnest(
  @tenant_ids::uuid[], @call_ids::uuid[], @attempts::int[], @amounts_minor::bigint[], @currencies::text[], @tokens::text[],
  @gateway_customers::text[], @descriptions::text[]
) AS k(tenant_id, call_id, attempts, amount_minor, currency, token, gateway_customer, description)
WHERE c.tenant_id = k.tenant_id AND c.call_id = k.call_id AND c.state = 'due' AND c.attempts = k.attempts
RETURNING c.*;

-- name: DropSettledCalls :exec
-- What was never sent and isn't wanted any more: its payment or refund came to an end in another way.
UPDATE gateway_calls c SET state = 'done', next_at = NULL
FROM unnest(@tenant_ids::uuid[], @call_ids::uuid[]) AS k(tenant_id, call_id)
WHERE c.tenant_id = k.tenant_id AND c.call_id = k.call_id AND c.state = 'due'
  AND NOT EXISTS (
    SELECT 1 FROM payments p WHERE c.kind = 'charge' AND p.tenant_id = c.tenant_id AND p.payment_id = c.call_id
      AND p.status IN ('pending', 'processing', 'requires_action'))
  AND NOT EXISTS (
    SELECT 1 FROM refunds r WHERE c.kind = 'refund' AND r.tenant_id = c.tenant_id AND r.refund_id = c.call_id
      AND r.status IN ('pending', 'processing'));

-- name: WatchCalls :exec
-- What was sent, denied by the gateway and then told of by it after all: it is asked from now on.
UPDATE gateway_calls c SET state = 'watched', next_at = @at::timestamptz
FROM unnest(@tenant_ids::uuid[], @call_ids::uuid[]) AS k(tenant_id, call_id)
WHERE c.tenant_id = k.tenant_id AND c.call_id = k.call_id AND c.state = 'due' AND c.begun_at IS NOT NULL
  AND (EXISTS (
    SELECT 1 FROM payments p WHERE c.kind = 'charge' AND p.tenant_id = c.tenant_id AND p.payment_id = c.call_id
      AND p.status IN ('processing', 'requires_action'))
  OR EXISTS (
    SELECT 1 FROM refunds r WHERE c.kind = 'refund' AND r.tenant_id = c.tenant_id AND r.refund_id = c.call_id
      AND r.status = 'processing'));

-- name: SettleCalls :exec
-- What came of a batch of calls. An end counts whoever tells it; anything else only from whoever holds the lease.
UPDATE gateway_calls c SET
  state = o.state, next_at = o.next_at, gateway_reference = coalesce(o.gateway_reference, c.gateway_reference), last_error = o.error
FROM (
  SELECT k.state, k.next_at, k.gateway_reference, k.error, r.tenant_id, r.call_id
  FROM unnest(
    @tenant_ids::uuid[], @call_ids::uuid[], @attempts::int[], @states::text[], @next_ats::timestamptz[],
    @gateway_references::text[], @errors::text[]
  ) AS k(tenant_id, call_id, attempts, state, next_at, gateway_reference, error)
  JOIN gateway_calls r ON r.tenant_id = k.tenant_id AND r.call_id = k.call_id
  WHERE r.state <> 'done' AND (k.state = 'done' OR r.attempts = k.attempts)
  ORDER BY r.tenant_id, r.call_id FOR UPDATE OF r
) AS o
WHERE c.tenant_id = o.tenant_id AND c.call_id = o.call_id;

-- name: CallStates :many
-- For the gauge: how many calls of all tenants are in which state, counted up to a bound.
SELECT s.state, count(*) FROM (
  SELECT c.tenant_id, c.state FROM gateway_calls c WHERE c.state <> 'done' LIMIT @bound::int
) AS s GROUP BY s.state;

-- name: CallsNamed :many
-- The calls that notices are about, by our id or by the gateway's; only those of the account that the notice was signed for.
SELECT k.position::int AS position, c.tenant_id, c.call_id, c.kind, c.currency
FROM unnest(
  @positions::int[], @tenant_ids::uuid[], @account_ids::uuid[], @kinds::text[], @call_ids::uuid[], @gateway_references::text[]
) AS k(position, tenant_id, account_id, kind, call_id, gateway_reference)
JOIN gateway_calls c ON c.tenant_id = k.tenant_id AND c.account_id = k.account_id AND c.kind = k.kind
  AND (c.call_id = k.call_id OR (k.call_id IS NULL AND c.gateway_reference = k.gateway_reference));
