-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_segments', keys=['id'], columns=[
    ['segment_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['description', 'description', 'text'],
    ['status', 'status', 'text'],
    ['string_id', 'string_id', 'text'],
    ['channel', 'channel', 'text'],
    ['sender_url', 'sender_url', 'text'],
    ['sender_reminder', 'sender_reminder', 'text'],
    ['subscriber_count', 'subscriber_count', 'integer'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
