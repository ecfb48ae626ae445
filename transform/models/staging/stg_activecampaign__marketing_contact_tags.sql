-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_contact_tags', keys=['contact_id', 'tag_id'], columns=[
    ['contact_id', 'contact_id', 'text'],
    ['tag_id', 'tag_id', 'text'],
    ['tag_name', 'tag_name', 'text'],
    ['created_at', 'created_at', 'time'],
    ['contact_updated_at', 'contact_updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
