-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_opportunity_changes', keys=['id'], columns=[
    ['opportunity_change_id', 'id', 'text'],
    ['opportunity_id', 'opportunity.id', 'text'],
    ['field', 'field', 'text'],
    ['old_stage_id', 'old_stage.id', 'text'],
    ['old_stage_name', 'old_stage.name', 'text'],
    ['new_stage_id', 'new_stage.id', 'text'],
    ['new_stage_name', 'new_stage.name', 'text'],
    ['old_status', 'old_status', 'text'],
    ['new_status', 'new_status', 'text'],
    ['user_id', 'user.id', 'text'],
    ['automation_id', 'automation.id', 'text'],
    ['changed_at', 'changed_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
