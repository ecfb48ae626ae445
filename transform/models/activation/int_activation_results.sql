{{ config(schema='staging') }}
-- The result of each row that the target got; empty until its results are loaded.
{{ staged(
  'activation', 'activecampaign_results', keys=['run', 'number'], columns=[
    ['run', 'run', 'text'],
    ['result_number', 'number', 'integer'],
    ['ran_at', 'time', 'time'],
    ['stream', 'stream', 'text'],
    ['contact_id', 'key.id', 'text'],
    ['email', 'key.email', 'text'],
    ['action', 'action', 'text'],
    ['activecampaign_id', 'id', 'text'],
    ['reason', 'reason', 'text'],
  ]
) }}
