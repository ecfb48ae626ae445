-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_accounts', keys=['id'], columns=[
    ['account_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['owner_id', 'owner.id', 'text'],
    ['description', 'description', 'text'],
    ['industry', 'industry', 'text'],
    ['website', 'website', 'text'],
    ['number_of_employees', 'number_of_employees', 'integer'],
    ['annual_revenue', 'annual_revenue', 'number'],
    ['addresses', 'addresses', 'json'],
    ['phone_numbers', 'phone_numbers', 'json'],
    ['urls', 'urls', 'json'],
    ['contact_count', 'contact_count', 'integer'],
    ['deal_count', 'deal_count', 'integer'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['custom_fields', 'custom_fields', 'json'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
