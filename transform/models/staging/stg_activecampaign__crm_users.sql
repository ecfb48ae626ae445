-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_users', keys=['id'], columns=[
    ['user_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['email', 'email', 'text'],
    ['username', 'username', 'text'],
    ['phone', 'phone', 'text'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
