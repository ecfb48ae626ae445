-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_opportunities', keys=['id'], columns=[
    ['opportunity_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['description', 'description', 'text'],
    ['amount', 'amount', 'money'],
    ['currency', 'currency', 'text'],
    ['status', 'status', 'text'],
    ['stage_id', 'stage.id', 'text'],
    ['stage_name', 'stage.name', 'text'],
    ['pipeline_id', 'pipeline.id', 'text'],
    ['pipeline_name', 'pipeline.name', 'text'],
    ['owner_id', 'owner.id', 'text'],
    ['account_id', 'account.id', 'text'],
    ['contact', 'contact', 'json'],
    ['contact_id', 'contact[0].id', 'text'],
    ['close_date', 'close_date', 'date'],
    ['probability', 'probability', 'number'],
    ['next_action_at', 'next_action_at', 'time'],
    ['activity_count', 'activity_count', 'integer'],
    ['is_disabled', 'is_disabled', 'boolean'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['custom_fields', 'custom_fields', 'json'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
