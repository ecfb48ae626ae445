-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_fields', keys=['entity', 'id'], columns=[
    ['entity', 'entity', 'text'],
    ['field_id', 'id', 'text'],
    ['key', 'key', 'text'],
    ['name', 'name', 'text'],
    ['type', 'type', 'text'],
    ['tag', 'tag', 'text'],
    ['options', 'options', 'json'],
    ['is_required', 'is_required', 'boolean'],
    ['position', 'position', 'integer'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
