-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'crm_stages', keys=['id'], columns=[
    ['stage_id', 'id', 'text'],
    ['name', 'name', 'text'],
    ['position', 'position', 'number'],
    ['pipeline_id', 'pipeline.id', 'text'],
    ['pipeline_name', 'pipeline.name', 'text'],
    ['color', 'color', 'text'],
    ['card_config_card_region_1', 'card_config.card_region_1', 'text'],
    ['card_config_card_region_2', 'card_config.card_region_2', 'text'],
    ['card_config_card_region_3', 'card_config.card_region_3', 'text'],
    ['card_config_card_region_4', 'card_config.card_region_4', 'text'],
    ['card_config_card_region_5', 'card_config.card_region_5', 'text'],
    ['card_config_deal_order', 'card_config.deal_order', 'text'],
    ['card_config_width', 'card_config.width', 'text'],
    ['created_at', 'created_at', 'time'],
    ['updated_at', 'updated_at', 'time'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
