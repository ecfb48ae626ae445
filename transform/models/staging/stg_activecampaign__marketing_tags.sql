-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_tags', keys=['id'], columns=[
    ['tag_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['description', 'description', 'text'],
    ['type', 'type', 'text'],
    ['contact_count', 'contact_count', 'integer'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
