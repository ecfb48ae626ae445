-- What each contact did with the messages. Fetches by a program do not count as opens. A message is
-- counted once, however often it was opened.
with events as (
    select
        *,
        coalesce(campaign_id, 'none') || '|' || coalesce(message_id, 'none') as email_key,
        coalesce(last_occurred_at, occurred_at) as happened_at
    from {{ ref('stg_activecampaign__marketing_engagements') }}
    where contact_id is not null
)

select
    {{ label() }}contact_id,
    count(*) filter (where type = 'send' and coalesce(is_successful, true)) as emails_sent,
    count(distinct email_key) filter (where type = 'open' and not coalesce(is_machine, false))
        as emails_opened,
    count(distinct email_key) filter (where type = 'click' and not coalesce(is_machine, false))
        as emails_clicked,
    count(*) filter (where type = 'bounce') as emails_bounced,
    max(happened_at) filter (where type = 'send' and coalesce(is_successful, true)) as last_sent_at,
    max(happened_at) filter (where type = 'open' and not coalesce(is_machine, false))
        as last_open_at,
    max(happened_at) filter (where type = 'click' and not coalesce(is_machine, false))
        as last_click_at
from events
group by {{ label() }}contact_id
