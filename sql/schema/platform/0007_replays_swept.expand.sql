-- Replayed events on their way: the sweep never looks behind where all was settled once, so it is told of these by name.
-- A row stands from the dispatch until whoever the replay is for has taken the event.
CREATE TABLE outbox_replayed (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  replay_for text,
  dispatched_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, event_id)
);
SELECT corebilling_secure('outbox_replayed', system => 'SELECT, INSERT, UPDATE, DELETE');
CREATE INDEX outbox_replayed_by_time ON outbox_replayed (dispatched_at);
