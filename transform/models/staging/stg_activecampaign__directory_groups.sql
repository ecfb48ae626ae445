-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'directory_groups', keys=['id'], columns=[
    ['group_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['description', 'description', 'text'],
    ['group_type', 'group_type', 'text'],
    ['is_admin', 'is_admin', 'boolean'],
    ['permissions', 'permissions', 'json'],
    ['created_at', 'created_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
