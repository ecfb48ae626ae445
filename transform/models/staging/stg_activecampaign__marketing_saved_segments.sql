-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_saved_segments', keys=['id'], columns=[
    ['saved_segment_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['contact_count', 'contact_count', 'integer'],
    ['logic', 'logic', 'text'],
    ['is_hidden', 'is_hidden', 'boolean'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
