-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'commerce_stores', keys=['id'], columns=[
    ['store_id', 'id', 'text'],
    ['service', 'service', 'text'],
    ['external_id', 'external_id', 'text'],
    ['name', 'name', 'text'],
    ['url', 'url', 'text'],
    ['logo_url', 'logo_url', 'text'],
    ['is_active', 'is_active', 'boolean'],
    ['is_synchronizing', 'is_synchronizing', 'boolean'],
    ['synchronized_at', 'synchronized_at', 'time'],
    ['disconnected_at', 'disconnected_at', 'time'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
