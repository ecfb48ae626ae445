-- Rendered from the resource tables by `make render`; do not edit.
{{ staged(
  'activecampaign', 'marketing_campaign_messages', keys=['id'], columns=[
    ['campaign_message_id', 'id', 'text'],
    ['campaign_id', 'campaign.id', 'text'],
    ['message_id', 'message.id', 'text'],
    ['subject', 'subject', 'text'],
    ['share', 'share', 'integer'],
    ['emails_sent', 'emails_sent', 'integer'],
    ['recipients', 'recipients', 'integer'],
    ['opens', 'opens', 'integer'],
    ['unique_opens', 'unique_opens', 'integer'],
    ['clicks', 'clicks', 'integer'],
    ['unique_clicks', 'unique_clicks', 'integer'],
    ['contacts_clicked', 'contacts_clicked', 'integer'],
    ['forwards', 'forwards', 'integer'],
    ['unique_forwards', 'unique_forwards', 'integer'],
    ['bounced_hard', 'bounced_hard', 'integer'],
    ['bounced_soft', 'bounced_soft', 'integer'],
    ['unsubscribes', 'unsubscribes', 'integer'],
    ['replies', 'replies', 'integer'],
    ['unique_replies', 'unique_replies', 'integer'],
    ['social_shares', 'social_shares', 'integer'],
    ['mapping_errors', '_errors', 'json'],
  ]
) }}
