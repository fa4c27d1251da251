-- name: AddCustomers :many
-- A batch of new customers; those whose external id is taken don't come back.
INSERT INTO customers (tenant_id, customer_id, external_id, name, email, currency, time_zone, billing_address,
  tax_ids, tax_status, exemption_reason, net_days, locale, auto_collect, purchase_order, seq, created_at, updated_at)
SELECT @tenant_id, c.customer_id, c.external_id, c.name, c.email, c.currency, c.time_zone, c.billing_address,
  c.tax_ids, c.tax_status, c.exemption_reason, c.net_days, c.locale, c.auto_collect, c.purchase_order, 1, @created_at, @created_at
FROM unnest(@customer_ids::uuid[], @external_ids::text[], @names::text[], @emails::text[], @currencies::text[],
  @time_zones::text[], @billing_addresses::json[], @tax_ids::json[], @tax_statuses::text[], @exemption_reasons::text[],
  @net_days::integer[], @locales::text[], @auto_collects::boolean[], @purchase_orders::text[])
  AS c(customer_id, external_id, name, email, currency, time_zone, billing_address, tax_ids, tax_status, exemption_reason,
    net_days, locale, auto_collect, purchase_order)
ORDER BY c.external_id
ON CONFLICT (tenant_id, external_id) DO NOTHING
RETURNING *;

-- name: FindByRefs :many
-- Customers by id or by the tenant's own name, each through its own index.
SELECT * FROM customers WHERE tenant_id = @tenant_id AND customer_id = ANY(@customer_ids::uuid[])
UNION ALL
SELECT * FROM customers
WHERE tenant_id = @tenant_id AND external_id = ANY(@external_ids::text[]) AND customer_id <> ALL(@customer_ids::uuid[]);

-- name: ListCustomers :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM customers
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR customer_id < sqlc.narg('before_id'))
  AND (sqlc.narg('external_id')::text IS NULL OR external_id = sqlc.narg('external_id'))
  AND (sqlc.narg('email')::text IS NULL OR email = sqlc.narg('email'))
ORDER BY customer_id DESC
LIMIT @page_size::int;

-- name: LockCustomer :one
-- The row is held until the change commits, so that its sequence number counts every change.
SELECT * FROM customers WHERE tenant_id = @tenant_id AND customer_id = @customer_id FOR UPDATE;

-- name: ChangeCustomer :one
-- What may change about a customer; its external id, currency and time zone never do.
UPDATE customers
SET name = @name, email = sqlc.narg('email'), billing_address = sqlc.narg('billing_address'),
    tax_ids = @tax_ids::json, tax_status = @tax_status, exemption_reason = sqlc.narg('exemption_reason'),
    net_days = sqlc.narg('net_days'), locale = sqlc.narg('locale'), auto_collect = sqlc.narg('auto_collect'),
    purchase_order = sqlc.narg('purchase_order'), seq = seq + 1, updated_at = @updated_at
WHERE tenant_id = @tenant_id AND customer_id = @customer_id
RETURNING *;

-- name: GetProfiles :many
-- What documents show of customers, for a batch over many tenants.
SELECT c.tenant_id, c.customer_id, c.external_id, c.name, c.email, c.currency, c.time_zone,
  c.billing_address, c.tax_ids, c.tax_status, c.exemption_reason, c.net_days, c.locale, c.auto_collect, c.purchase_order
FROM unnest(@tenant_ids::uuid[], @customer_ids::uuid[]) AS k(tenant_id, customer_id)
JOIN customers AS c ON c.tenant_id = k.tenant_id AND c.customer_id = k.customer_id;
