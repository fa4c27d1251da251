-- Work that takes longer than a request. A job is done in chunks, each in one transaction that also writes how far it got
-- (`position`, `done`): so a crash costs a chunk, and no chunk has its effect twice. src/corebilling/platform/jobs/README.md
-- draws the states. `due_at` is wall time: when a queued job may be taken on, and when the lease of a running one ends.
-- `fence` grows with each taking; who writes must name it, so that a worker that slept through its lease writes nothing.
-- `attempts` counts takings since the last chunk.
CREATE TABLE jobs (
  tenant_id uuid NOT NULL,
  job_id uuid NOT NULL,
  kind text NOT NULL,
  state text NOT NULL CONSTRAINT jobs_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  request json NOT NULL,
  position json,
  done bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
  total bigint CHECK (total >= 0),
  result json,
  error text,
  attempts integer NOT NULL DEFAULT 0,
  fence bigint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, job_id),
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'canceled'))),
  CHECK ((result IS NOT NULL) = (state = 'succeeded') AND (error IS NOT NULL) = (state = 'failed'))
) WITH (fillfactor = 70);
CREATE INDEX jobs_due ON jobs (due_at) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
SELECT corebilling_secure('jobs', app => 'SELECT, INSERT, UPDATE (state, finished_at)',
  router => 'SELECT, UPDATE (state, position, done, total, result, error, attempts, finished_at)',
  system => 'SELECT, DELETE, UPDATE (state, attempts, fence, due_at, started_at, finished_at, error)');

-- What a job found, in pieces small enough to be listed; ids are in the order of being found.
CREATE TABLE job_items (
  tenant_id uuid NOT NULL,
  job_id uuid NOT NULL,
  item_id uuid NOT NULL,
  item json NOT NULL,
  PRIMARY KEY (tenant_id, job_id, item_id)
);
SELECT corebilling_secure('job_items', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT, DELETE');
