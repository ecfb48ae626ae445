-- The accounts that Airflow runs: adding one is a row here and a connection in Airflow's own
-- store or secrets backend. In the warehouse's database; made once, and again without harm.
CREATE SCHEMA IF NOT EXISTS activecampaign;

CREATE TABLE IF NOT EXISTS activecampaign.accounts (
  -- In every record (setting account_label), in the state's name, in logs: no secret, for good.
  label text PRIMARY KEY CHECK (label ~ '^[a-z][a-z0-9_]{0,39}$'),
  -- The connection in Airflow whose host is the account's URL and whose password is its key.
  connection_id text NOT NULL UNIQUE CHECK (connection_id ~ '^[A-Za-z0-9_.-]{1,200}$'),
  -- The schema that holds its tables. Accounts may share one: account_label is part of every key.
  warehouse_schema text NOT NULL DEFAULT 'activecampaign'
    CHECK (warehouse_schema ~ '^[a-z_][a-z0-9_]{0,49}$'),
  -- What else its runs are told in the environment, no secrets:
  -- {"TAP_ACTIVECAMPAIGN_UNIFIED_DETECT_DELETES": "true"}.
  settings jsonb NOT NULL DEFAULT '{}',
  schedule text NOT NULL DEFAULT 'hourly' CHECK (schedule IN ('hourly', 'daily')),
  -- Whether the way back runs too: the tables and views contacts, opportunities and notes of the
  -- schema activation_<label> are written.
  writes boolean NOT NULL DEFAULT false,
  enabled boolean NOT NULL DEFAULT true
);
