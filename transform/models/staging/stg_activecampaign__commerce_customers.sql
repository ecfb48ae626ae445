-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'commerce_customers', keys=['id'], columns=[
    ['customer_id', 'id', 'text'],
    ['store_id', 'store_id', 'text'],
    ['store_customer_id', 'store_customer_id', 'text'],
    ['contact_email', 'contact.email', 'text'],
    ['accepts_marketing', 'accepts_marketing', 'boolean'],
    ['revenue', 'revenue', 'number'],
    ['order_count', 'order_count', 'integer'],
    ['product_count', 'product_count', 'integer'],
    ['average_order_amount', 'average_order_amount', 'money'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
