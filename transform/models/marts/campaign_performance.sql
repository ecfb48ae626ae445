with campaigns as (
    select
        *,
        emails_sent - coalesce(bounced_hard, 0) - coalesce(bounced_soft, 0) as delivered
    from {{ ref('stg_activecampaign__marketing_campaigns') }}
)

select
    {{ label() }}campaign_id,
    name,
    type,
    status,
    automation_id,
    automation_name,
    last_sent_at,
    emails_sent,
    delivered,
    opens,
    unique_opens,
    verified_unique_opens,
    clicks,
    unique_clicks,
    replies,
    forwards,
    bounced_hard,
    bounced_soft,
    unsubscribes,
    {{ ratio('delivered', 'emails_sent') }} as delivery_rate,
    {{ ratio('unique_opens', 'delivered') }} as open_rate,
    {{ ratio('verified_unique_opens', 'delivered') }} as verified_open_rate,
    {{ ratio('contacts_clicked', 'delivered') }} as click_rate,
    {{ ratio('contacts_clicked', 'unique_opens') }} as click_to_open_rate,
    {{ ratio('unsubscribes', 'delivered') }} as unsubscribe_rate,
    loaded_at
from campaigns
