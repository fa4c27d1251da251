-- Journals of every money document, accounts of products, and months that are closed.
ALTER TABLE journals
  DROP CONSTRAINT journals_document_type_check,
  ADD CONSTRAINT journals_document_type_check CHECK (document_type IN (
    'invoice', 'invoice_void', 'credit_note', 'write_off', 'recovery', 'wallet_grant', 'wallet_application',
    'wallet_reversal', 'wallet_expiry', 'payment', 'refund', 'refund_paid', 'refund_failed', 'dispute', 'dispute_won',
    'revenue_recognition', 'manual'
  )) NOT VALID;

-- `4000.api-calls`: the revenue of a product.
ALTER TABLE ledger_accounts
  DROP CONSTRAINT ledger_accounts_code_check,
  ADD CONSTRAINT ledger_accounts_code_check CHECK (code ~ '^[0-9]{4}(\.[a-z0-9][a-z0-9_-]{0,39})?$') NOT VALID;
