-- name: LockMethods :many
-- A customer's payment methods, locked: which is the default is decided among them.
SELECT * FROM payment_methods WHERE tenant_id = @tenant_id AND customer_id = @customer_id
ORDER BY payment_method_id FOR UPDATE;

-- name: AddMethod :exec
-- A payment method that the gateway keeps for the customer.
INSERT INTO payment_methods (
  tenant_id, payment_method_id, customer_id, gateway, gateway_account_id, kind, token, gateway_customer, label, status, is_default,
  created_at)
VALUES (@tenant_id, @payment_method_id, @customer_id, @gateway, @gateway_account_id, @kind, @token, sqlc.narg('gateway_customer'),
  @label, 'active', @is_default, @created_at);

-- name: ClearDefault :exec
-- Before another becomes the default.
UPDATE payment_methods SET is_default = false WHERE tenant_id = @tenant_id AND customer_id = @customer_id AND is_default;

-- name: SetMethod :exec
-- A method's label, state, and whether it is the default.
UPDATE payment_methods SET label = @label, status = @status, is_default = @is_default
WHERE tenant_id = @tenant_id AND payment_method_id = @payment_method_id;

-- name: GetMethod :one
-- A payment method.
SELECT * FROM payment_methods WHERE tenant_id = @tenant_id AND payment_method_id = @payment_method_id;

-- name: ListMethods :many
-- One page of payment methods, newest first.
SELECT * FROM payment_methods WHERE tenant_id = @tenant_id AND payment_method_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY payment_method_id DESC
LIMIT @page::int;

-- name: Defaults :many
-- The default methods of customers who have one.
SELECT m.* FROM payment_methods m
WHERE m.is_default AND (m.tenant_id, m.customer_id) IN (
  SELECT k.tenant_id, k.customer_id FROM unnest(@tenant_ids::uuid[], @customer_ids::uuid[]) AS k(tenant_id, customer_id));

-- name: MethodsByIds :many
-- Payment methods by their keys.
SELECT m.* FROM payment_methods m
WHERE (m.tenant_id, m.payment_method_id) IN (
  SELECT k.tenant_id, k.payment_method_id FROM unnest(@tenant_ids::uuid[], @payment_method_ids::uuid[])
    AS k(tenant_id, payment_method_id));
