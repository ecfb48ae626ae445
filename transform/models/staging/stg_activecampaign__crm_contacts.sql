-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_contacts', keys=['id'], columns=[
    ['contact_id', 'id', 'text'],
    ['first_name', 'first_name', 'text'],
    ['last_name', 'last_name', 'text'],
    ['name', 'name', 'text'],
    ['title', 'title', 'text'],
    ['account_id', 'account.id', 'text'],
    ['account_name', 'account.name', 'text'],
    ['accounts', 'accounts', 'json'],
    ['email_addresses', 'email_addresses', 'json'],
    ['phone_numbers', 'phone_numbers', 'json'],
    ['tags', 'tags', 'json'],
    ['segments', 'segments', 'json'],
    ['scores', 'scores', 'json'],
    ['last_activity_at', 'last_activity_at', 'time'],
    ['bounced_hard', 'bounced_hard', 'integer'],
    ['bounced_soft', 'bounced_soft', 'integer'],
    ['deleted', 'deleted', 'boolean'],
    ['anonymized', 'anonymized', 'boolean'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['custom_fields', 'custom_fields', 'json'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
