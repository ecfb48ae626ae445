-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_contact_automations', keys=['id'], columns=[
    ['contact_automation_id', 'id', 'text'],
    ['contact_id', 'contact_id', 'text'],
    ['automation_id', 'automation_id', 'text'],
    ['automation_name', 'automation_name', 'text'],
    ['status', 'status', 'text'],
    ['entered_at', 'entered_at', 'time'],
    ['exited_at', 'exited_at', 'time'],
    ['last_activity_at', 'last_activity_at', 'time'],
    ['steps_completed', 'steps_completed', 'integer'],
    ['steps_total', 'steps_total', 'integer'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
