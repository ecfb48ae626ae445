-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_contacts', keys=['id'], columns=[
    ['contact_id', 'id', 'text'],
    ['email', 'email', 'text'],
    ['name', 'name', 'text'],
    ['first_name', 'first_name', 'text'],
    ['last_name', 'last_name', 'text'],
    ['phones', 'phones', 'json'],
    ['tags', 'tags', 'json'],
    ['segments', 'segments', 'json'],
    ['status', 'status', 'text'],
    ['account_id', 'account.id', 'text'],
    ['account_name', 'account.name', 'text'],
    ['email_domain', 'email_domain', 'text'],
    ['last_open_at', 'last_open_at', 'time'],
    ['last_click_at', 'last_click_at', 'time'],
    ['score_values', 'score_values', 'json'],
    ['sms_consent', 'sms_consent', 'text'],
    ['deleted', 'deleted', 'boolean'],
    ['anonymized', 'anonymized', 'boolean'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['custom_fields', 'custom_fields', 'json'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
