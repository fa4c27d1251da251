-- name: OpenWallets :exec
-- Makes wallets that don't exist yet, empty.
INSERT INTO wallets (tenant_id, wallet_id, customer_id, currency, balance_minor, seq, changed_at)
SELECT k.tenant_id, k.wallet_id, k.customer_id, k.currency, 0, 0, k.at
FROM unnest(@tenant_ids::uuid[], @wallet_ids::uuid[], @customer_ids::uuid[], @currencies::text[], @ats::timestamptz[])
  AS k(tenant_id, wallet_id, customer_id, currency, at)
ORDER BY k.tenant_id, k.customer_id, k.currency
ON CONFLICT (tenant_id, customer_id, currency) DO NOTHING;

-- name: LockWallets :many
-- Locks wallets, always in the order of their keys.
SELECT w.* FROM unnest(@tenant_ids::uuid[], @customer_ids::uuid[], @currencies::text[]) AS k(tenant_id, customer_id, currency)
JOIN wallets w ON w.tenant_id = k.tenant_id AND w.customer_id = k.customer_id AND w.currency = k.currency
ORDER BY w.tenant_id, w.customer_id, w.currency
FOR NO KEY UPDATE OF w;

-- name: FilledWallets :many
-- Which of these customers have credit at all: most have none, and nothing has to be locked for them.
SELECT w.tenant_id, w.customer_id, w.currency
FROM unnest(@tenant_ids::uuid[], @customer_ids::uuid[], @currencies::text[]) AS k(tenant_id, customer_id, currency)
JOIN wallets w ON w.tenant_id = k.tenant_id AND w.customer_id = k.customer_id AND w.currency = k.currency
WHERE w.balance_minor > 0;

-- name: GrantsLeft :many
-- What is left in wallets that are locked, in the order in which it is used.
SELECT g.* FROM unnest(@tenant_ids::uuid[], @customer_ids::uuid[], @currencies::text[]) AS k(tenant_id, customer_id, currency)
CROSS JOIN LATERAL (
  SELECT x.* FROM wallet_grants x
  WHERE x.tenant_id = k.tenant_id AND x.customer_id = k.customer_id AND x.currency = k.currency AND x.left_minor > 0
) AS g
ORDER BY g.tenant_id, g.customer_id, g.currency, g.priority, g.expires_at NULLS LAST, g.granted_at, g.grant_id;

-- name: GrantsByKey :many
-- These grants, whether or not anything is left of them.
SELECT g.* FROM unnest(@tenant_ids::uuid[], @grant_ids::uuid[]) AS k(tenant_id, grant_id)
JOIN wallet_grants g ON g.tenant_id = k.tenant_id AND g.grant_id = k.grant_id
ORDER BY g.tenant_id, g.grant_id;

-- name: AddGrants :exec
-- Gives credit: the grants, and the balances of their wallets, which are locked.
WITH held AS (
  UPDATE wallets w SET balance_minor = w.balance_minor + k.amount_minor, seq = w.seq + 1, changed_at = k.at
  FROM unnest(
    @wallet_tenant_ids::uuid[], @wallet_customer_ids::uuid[], @wallet_currencies::text[], @wallet_amounts_minor::bigint[],
    @wallet_ats::timestamptz[]
  ) AS k(tenant_id, customer_id, currency, amount_minor, at)
  WHERE w.tenant_id = k.tenant_id AND w.customer_id = k.customer_id AND w.currency = k.currency
)
INSERT INTO wallet_grants (
  tenant_id, grant_id, customer_id, currency, amount_minor, left_minor, priority, expires_at, source, source_id, description,
  reference, journal_id, granted_at)
SELECT g.tenant_id, g.grant_id, g.customer_id, g.currency, g.amount_minor, g.amount_minor, g.priority, g.expires_at, g.source,
  g.source_id, g.description, g.reference, g.journal_id, g.granted_at
FROM unnest(
  @tenant_ids::uuid[], @grant_ids::uuid[], @customer_ids::uuid[], @currencies::text[], @amounts_minor::bigint[],
  @priorities::int[], @expires_ats::timestamptz[], @sources::text[], @source_ids::uuid[], @descriptions::text[],
  @grant_references::text[], @journal_ids::uuid[], @granted_ats::timestamptz[]
) AS g(
  tenant_id, grant_id, customer_id, currency, amount_minor, priority, expires_at, source, source_id, description, reference,
  journal_id, granted_at)
ORDER BY g.tenant_id, g.grant_id;

-- name: MoveCredit :exec
-- Moves credit out of grants, or back into them (amounts of reversals are added), and their wallets' balances with it.
WITH moved AS (
  SELECT * FROM unnest(
    @tenant_ids::uuid[], @movement_ids::uuid[], @grant_ids::uuid[], @customer_ids::uuid[], @currencies::text[],
    @kinds::text[], @amounts_minor::bigint[], @invoice_ids::uuid[], @reverses_ids::uuid[], @journal_ids::uuid[],
    @moved_ats::timestamptz[]
  ) AS m(
    tenant_id, movement_id, grant_id, customer_id, currency, kind, amount_minor, invoice_id, reverses_id, journal_id,
    moved_at)
), granted AS (
  UPDATE wallet_grants g
  SET left_minor = g.left_minor - s.amount_minor,
    expired_at = CASE WHEN s.expired THEN s.at WHEN s.returned THEN NULL ELSE g.expired_at END
  FROM (
    SELECT m.tenant_id, m.grant_id, max(m.moved_at) AS at, bool_or(m.kind = 'expiry') AS expired,
      bool_or(m.kind = 'reversal') AS returned,
      sum(CASE m.kind WHEN 'reversal' THEN -m.amount_minor ELSE m.amount_minor END)::bigint AS amount_minor
    FROM moved m GROUP BY m.tenant_id, m.grant_id
  ) AS s
  WHERE g.tenant_id = s.tenant_id AND g.grant_id = s.grant_id
), held AS (
  UPDATE wallets w SET balance_minor = w.balance_minor - s.amount_minor, seq = w.seq + 1, changed_at = s.at
  FROM (
    SELECT m.tenant_id, m.customer_id, m.currency, max(m.moved_at) AS at,
      sum(CASE m.kind WHEN 'reversal' THEN -m.amount_minor ELSE m.amount_minor END)::bigint AS amount_minor
    FROM moved m GROUP BY m.tenant_id, m.customer_id, m.currency
  ) AS s
  WHERE w.tenant_id = s.tenant_id AND w.customer_id = s.customer_id AND w.currency = s.currency
)
INSERT INTO wallet_movements (
  tenant_id, movement_id, grant_id, customer_id, currency, kind, amount_minor, invoice_id, reverses_id, journal_id, moved_at)
SELECT m.tenant_id, m.movement_id, m.grant_id, m.customer_id, m.currency, m.kind, m.amount_minor, m.invoice_id,
  m.reverses_id, m.journal_id, m.moved_at
FROM moved m ORDER BY m.tenant_id, m.movement_id;

-- name: ApplicationsOf :many
-- What wallets paid of these invoices and didn't get back yet.
SELECT m.* FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN wallet_movements m ON m.tenant_id = k.tenant_id AND m.invoice_id = k.invoice_id AND m.kind = 'application'
WHERE NOT EXISTS (
  SELECT 1 FROM wallet_movements r WHERE r.tenant_id = m.tenant_id AND r.reverses_id = m.movement_id)
ORDER BY m.tenant_id, m.movement_id;

-- name: DueExpiries :many
-- Grants that ran out, by their tenants' time: sandboxes with a clock of their own are told apart.
-- `aside_ids` couldn't be expired a moment ago.
(
  SELECT g.tenant_id, g.grant_id FROM wallet_grants g
  WHERE g.left_minor > 0 AND g.expires_at <= @now::timestamptz AND g.tenant_id <> ALL (@clocked_ids::uuid[])
    AND g.grant_id <> ALL (@aside_ids::uuid[])
  ORDER BY g.expires_at LIMIT @page::int
)
UNION ALL
(
  SELECT c.tenant_id, c.grant_id
  FROM unnest(@clocked_ids::uuid[], @clocked_nows::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT g.tenant_id, g.grant_id FROM wallet_grants g
    WHERE g.tenant_id = k.tenant_id AND g.left_minor > 0 AND g.expires_at <= k.now_at
      AND g.grant_id <> ALL (@aside_ids::uuid[])
    ORDER BY g.expires_at LIMIT @page::int
  ) AS c
  LIMIT @page::int
);

-- name: EarliestExpiry :one
-- When the next credit of a tenant runs out.
SELECT g.expires_at FROM wallet_grants g
WHERE g.tenant_id = @tenant_id AND g.left_minor > 0 AND g.expires_at IS NOT NULL
ORDER BY g.expires_at LIMIT 1;

-- name: ListWallets :many
-- One page of a tenant's wallets, newest first, of one customer if asked.
SELECT * FROM wallets
WHERE tenant_id = @tenant_id AND wallet_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
ORDER BY wallet_id DESC
LIMIT @page::int;

-- name: ListGrants :many
-- One page of grants, newest first, of one customer or currency if asked.
SELECT * FROM wallet_grants
WHERE tenant_id = @tenant_id AND grant_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency'))
  AND (NOT @only_left::boolean OR left_minor > 0)
ORDER BY grant_id DESC
LIMIT @page::int;

-- name: GetMovements :many
-- What became of a grant, in order.
SELECT * FROM wallet_movements WHERE tenant_id = @tenant_id AND grant_id = @grant_id ORDER BY movement_id;

-- name: SetTopUp :one
-- What the customer agreed to buy when the wallet runs low.
UPDATE wallets SET threshold_minor = @threshold_minor, top_up_minor = sqlc.narg('top_up_minor'), seq = seq + 1,
  changed_at = @at
WHERE tenant_id = @tenant_id AND customer_id = @customer_id AND currency = @currency
RETURNING *;

-- name: GrantsInOrder :many
-- One page of all grants with a journal of their own, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, grant_id, currency, amount_minor, journal_id FROM wallet_grants
WHERE (tenant_id, grant_id) > (@after_tenant_id::uuid, @after_grant_id::uuid) AND source IN ('purchase', 'promotion')
ORDER BY tenant_id, grant_id
LIMIT @page::int;

-- name: MovementsInOrder :many
-- The same for what moved, of one kind.
SELECT tenant_id, movement_id, currency, amount_minor, journal_id FROM wallet_movements
WHERE kind = @kind AND (tenant_id, movement_id) > (@after_tenant_id::uuid, @after_movement_id::uuid)
ORDER BY tenant_id, movement_id
LIMIT @page::int;

-- name: HeldInAll :many
-- What is left of grants, by tenant and currency.
SELECT tenant_id, currency, sum(left_minor)::numeric AS left_minor FROM wallet_grants
WHERE left_minor > 0 GROUP BY tenant_id, currency;
