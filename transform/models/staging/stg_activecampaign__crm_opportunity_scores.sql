-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_opportunity_scores', keys=['opportunity_id', 'score_id'], columns=[
    ['opportunity_id', 'opportunity_id', 'text'],
    ['score_id', 'score_id', 'text'],
    ['score_name', 'score_name', 'text'],
    ['value', 'value', 'number'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['opportunity_updated_at', 'opportunity_updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
