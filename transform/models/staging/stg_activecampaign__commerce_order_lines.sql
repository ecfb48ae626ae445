-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'commerce_order_lines', keys=['id'], columns=[
    ['order_line_id', 'id', 'text'],
    ['order_id', 'order.id', 'text'],
    ['store_id', 'store_id', 'text'],
    ['store_order_id', 'store_order_id', 'text'],
    ['cart_id', 'cart_id', 'text'],
    ['store_line_id', 'store_line_id', 'text'],
    ['store_product_id', 'store_product_id', 'text'],
    ['store_base_product_id', 'store_base_product_id', 'text'],
    ['name', 'name', 'text'],
    ['sku', 'sku', 'text'],
    ['quantity', 'quantity', 'integer'],
    ['amount', 'amount', 'money'],
    ['category', 'category', 'text'],
    ['brand', 'brand', 'text'],
    ['tags', 'tags', 'json'],
    ['is_on_sale', 'is_on_sale', 'boolean'],
    ['url', 'url', 'text'],
    ['image_url', 'image_url', 'text'],
    ['description', 'description', 'text'],
    ['currency', 'currency', 'text'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['order_updated_at', 'order_updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
