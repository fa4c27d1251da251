-- Notices that were worked out are kept for a while and then removed; pending ones never are.
GRANT DELETE ON gateway_notices TO corebilling_system;
CREATE INDEX gateway_notices_over ON gateway_notices (processed_at) WHERE status <> 'pending';
