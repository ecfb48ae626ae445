-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_tasks', keys=['id'], columns=[
    ['task_id', 'id', 'text'],
    ['subject', 'subject', 'text'],
    ['content', 'content', 'text'],
    ['status', 'status', 'text'],
    ['type_id', 'type.id', 'text'],
    ['type_name', 'type.name', 'text'],
    ['owner_id', 'owner.id', 'text'],
    ['created_by_id', 'created_by.id', 'text'],
    ['contact', 'contact', 'json'],
    ['contact_id', 'contact[0].id', 'text'],
    ['opportunity', 'opportunity', 'json'],
    ['opportunity_id', 'opportunity[0].id', 'text'],
    ['due_at', 'due_at', 'time'],
    ['ends_at', 'ends_at', 'time'],
    ['duration', 'duration', 'integer'],
    ['completed_at', 'completed_at', 'time'],
    ['outcome_id', 'outcome.id', 'text'],
    ['outcome_note', 'outcome_note', 'text'],
    ['automation_id', 'automation.id', 'text'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
