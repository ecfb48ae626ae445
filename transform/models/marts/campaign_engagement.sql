with events as (
    select
        {{ label() }}campaign_id,
        contact_id,
        type,
        coalesce(is_machine, false) as is_machine,
        coalesce(count, 1) as times,
        coalesce(is_successful, true) as is_successful,
        occurred_at,
        last_occurred_at
    from {{ ref('stg_activecampaign__marketing_engagements') }}
    where campaign_id is not null
),

counted as (
    select
        {{ label() }}campaign_id,
        count(*) filter (where type = 'send' and is_successful) as emails_sent,
        count(distinct contact_id) filter (where type = 'send' and is_successful) as recipients,
        count(distinct contact_id) filter (where type = 'bounce') as bounced,
        coalesce(sum(times) filter (where type = 'open' and not is_machine), 0) as opens,
        count(distinct contact_id) filter (where type = 'open' and not is_machine) as openers,
        count(distinct contact_id) filter (where type = 'open' and is_machine) as machine_openers,
        coalesce(sum(times) filter (where type = 'click' and not is_machine), 0) as clicks,
        count(distinct contact_id) filter (where type = 'click' and not is_machine) as clickers,
        min(occurred_at) filter (where type = 'send') as first_sent_at,
        max(occurred_at) filter (where type = 'send') as last_sent_at,
        max(last_occurred_at) filter (where type in ('open', 'click') and not is_machine)
            as last_engaged_at
    from events
    group by {{ label() }}campaign_id
)

select
    {{ label('counted') }}counted.campaign_id,
    campaigns.name,
    counted.emails_sent,
    counted.recipients,
    counted.bounced,
    counted.recipients - counted.bounced as delivered,
    counted.opens,
    counted.openers,
    counted.machine_openers,
    counted.clicks,
    counted.clickers,
    {{ ratio('counted.openers', '(counted.recipients - counted.bounced)') }} as open_rate,
    {{ ratio('counted.clickers', '(counted.recipients - counted.bounced)') }} as click_rate,
    {{ ratio('counted.clickers', 'counted.openers') }} as click_to_open_rate,
    counted.first_sent_at,
    counted.last_sent_at,
    counted.last_engaged_at
from counted
left join {{ ref('stg_activecampaign__marketing_campaigns') }} as campaigns
    on {{ same_label('campaigns', 'counted') }}campaigns.campaign_id = counted.campaign_id
