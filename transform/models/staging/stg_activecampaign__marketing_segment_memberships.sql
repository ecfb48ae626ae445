-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_segment_memberships', keys=['contact_id', 'segment_id'], columns=[
    ['contact_id', 'contact_id', 'text'],
    ['segment_id', 'segment_id', 'text'],
    ['segment_name', 'segment_name', 'text'],
    ['status', 'status', 'text'],
    ['subscribed_at', 'subscribed_at', 'time'],
    ['unsubscribed_at', 'unsubscribed_at', 'time'],
    ['contact_updated_at', 'contact_updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
