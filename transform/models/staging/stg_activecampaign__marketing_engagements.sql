-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_engagements', keys=['id'], columns=[
    ['engagement_id', 'id', 'text'],
    ['type', 'type', 'text'],
    ['is_machine', 'is_machine', 'boolean'],
    ['contact_id', 'contact.id', 'text'],
    ['campaign_id', 'campaign.id', 'text'],
    ['message_id', 'message.id', 'text'],
    ['link_id', 'link.id', 'text'],
    ['link_url', 'link.url', 'text'],
    ['occurred_at', 'occurred_at', 'time'],
    ['last_occurred_at', 'last_occurred_at', 'time'],
    ['count', 'count', 'integer'],
    ['is_successful', 'is_successful', 'boolean'],
    ['bounce_code', 'bounce_code', 'text'],
    ['bounce_reason', 'bounce_reason', 'text'],
    ['user_agent', 'user_agent', 'text'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
