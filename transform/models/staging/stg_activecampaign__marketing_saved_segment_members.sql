-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_saved_segment_members', keys=['contact_id', 'segment_id'], columns=[
    ['contact_id', 'contact_id', 'text'],
    ['segment_id', 'segment_id', 'text'],
    ['segment_name', 'segment_name', 'text'],
    ['email', 'email', 'text'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
