-- Answers to requests that carried an Idempotency-Key, committed together with what the request did.
-- Rows of the nil tenant belong to callers of the platform, before a tenant exists.
CREATE TABLE idempotency_keys (
  tenant_id    uuid        NOT NULL,
  route        text        NOT NULL,  -- method and template, POST /v1/customers
  key          text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  body_hash    bytea       NOT NULL,  -- SHA-256 of path, query and body: another request under the same key is refused
  status       integer     NOT NULL CHECK (status BETWEEN 200 AND 299),
  content_type text        NOT NULL,
  answer       bytea,                 -- null where the answer held a secret, which is shown only once
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, route, key)
);
SELECT corebilling_secure('idempotency_keys', app => 'SELECT, INSERT, UPDATE', router => 'SELECT, INSERT, UPDATE', system => 'SELECT, INSERT, UPDATE, DELETE');
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
