-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_automations', keys=['id'], columns=[
    ['automation_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['description', 'description', 'text'],
    ['status', 'status', 'text'],
    ['owner_id', 'owner.id', 'text'],
    ['is_hidden', 'is_hidden', 'boolean'],
    ['allows_reentry', 'allows_reentry', 'boolean'],
    ['contacts_entered', 'contacts_entered', 'integer'],
    ['contacts_exited', 'contacts_exited', 'integer'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
