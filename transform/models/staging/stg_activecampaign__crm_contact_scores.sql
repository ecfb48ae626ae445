-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_contact_scores', keys=['contact_id', 'score_id'], columns=[
    ['contact_id', 'contact_id', 'text'],
    ['score_id', 'score_id', 'text'],
    ['score_name', 'score_name', 'text'],
    ['value', 'value', 'number'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['contact_updated_at', 'contact_updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
