-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_notes', keys=['id'], columns=[
    ['note_id', 'id', 'text'],
    ['content', 'content', 'text'],
    ['owner_id', 'owner.id', 'text'],
    ['contact', 'contact', 'json'],
    ['contact_id', 'contact[0].id', 'text'],
    ['account_id', 'account.id', 'text'],
    ['opportunity', 'opportunity', 'json'],
    ['opportunity_id', 'opportunity[0].id', 'text'],
    ['parent_type', 'parent.type', 'text'],
    ['parent_id', 'parent.id', 'text'],
    ['is_draft', 'is_draft', 'boolean'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
