-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'directory_users', keys=['id'], columns=[
    ['user_id', 'id', 'text'],
    ['first_name', 'first_name', 'text'],
    ['last_name', 'last_name', 'text'],
    ['name', 'name', 'text'],
    ['username', 'username', 'text'],
    ['emails', 'emails', 'json'],
    ['phones', 'phones', 'json'],
    ['is_2fa_enabled', 'is_2fa_enabled', 'boolean'],
    ['groups', 'groups', 'json'],
    ['timezone', 'timezone', 'text'],
    ['languages', 'languages', 'json'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
