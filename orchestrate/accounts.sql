-- The accounts that Airflow runs. To add one, add a row here and a connection in Airflow or in its
-- secrets backend. Run this in the database of the warehouse; it can be run again.
CREATE SCHEMA IF NOT EXISTS activecampaign;

CREATE TABLE IF NOT EXISTS activecampaign.accounts (
  -- It is in every record (setting account_label), in the name of the state and in logs. It is no
  -- secret and never changes.
  label text PRIMARY KEY CHECK (label ~ '^[a-z][a-z0-9_]{0,39}$'),
  -- The connection in Airflow: its host is the URL of the account, its password the API key.
  connection_id text NOT NULL UNIQUE CHECK (connection_id ~ '^[A-Za-z0-9_.-]{1,200}$'),
  -- The schema of its tables. Accounts may share one: account_label is part of every key.
  warehouse_schema text NOT NULL DEFAULT 'activecampaign'
    CHECK (warehouse_schema ~ '^[a-z_][a-z0-9_]{0,49}$'),
  -- More environment variables of its runs, no secrets:
  -- {"TAP_ACTIVECAMPAIGN_UNIFIED_DETECT_DELETES": "true"}.
  settings jsonb NOT NULL DEFAULT '{}',
  schedule text NOT NULL DEFAULT 'hourly' CHECK (schedule IN ('hourly', 'daily')),
  -- Whether its runs write back: the tables and views contacts, opportunities and notes of the
  -- schema activation_<label>.
  writes boolean NOT NULL DEFAULT false,
  enabled boolean NOT NULL DEFAULT true
);
