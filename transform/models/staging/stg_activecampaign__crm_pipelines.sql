-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_pipelines', keys=['id'], columns=[
    ['pipeline_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['currency', 'currency', 'text'],
    ['stages', 'stages', 'json'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
