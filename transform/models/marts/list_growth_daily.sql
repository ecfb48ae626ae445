-- Memberships that are bounced or unconfirmed are left out: they have no date.
with memberships as (
    select
        {{ label('members') }}members.segment_id,
        coalesce(lists.name, members.segment_name) as segment_name,
        members.status,
        -- ActiveCampaign keeps one subscription per person and list: the latest.
        cast(case
            when members.status = 'active'
                then coalesce(members.subscribed_at, lists.created_at, members.contact_updated_at)
            else members.subscribed_at
        end as date) as subscribed_on,
        cast(greatest(
            coalesce(members.unsubscribed_at, members.subscribed_at), members.subscribed_at
        ) as date) as unsubscribed_on,
        cast(members.loaded_at as date) as loaded_on
    from {{ ref('stg_activecampaign__marketing_segment_memberships') }} as members
    left join {{ ref('stg_activecampaign__marketing_segments') }} as lists
        on {{ same_label('lists', 'members') }}lists.segment_id = members.segment_id
    where members.status in ('active', 'unsubscribed')
),

events as (
    select
        {{ label() }}segment_id,
        subscribed_on as happened_on,
        1 as subscribed,
        0 as unsubscribed
    from memberships
    where subscribed_on is not null
    union all
    select
        {{ label() }}segment_id,
        unsubscribed_on,
        0,
        1
    from memberships
    where status = 'unsubscribed' and subscribed_on is not null
),

span as (
    select
        {{ label('memberships') }}memberships.segment_id,
        max(memberships.segment_name) as segment_name,
        min(memberships.subscribed_on) as first_day,
        (select greatest(
            (select max(loaded_on) from memberships), (select max(happened_on) from events)
        )) as last_day
    from memberships
    where memberships.subscribed_on is not null
    group by {{ label('memberships') }}memberships.segment_id
),

days as (
    select
        {{ label() }}segment_id,
        segment_name,
        {{ days_between('first_day', 'last_day') }} as day
    from span
),

counted as (
    select
        {{ label('days') }}days.segment_id,
        days.segment_name,
        days.day,
        coalesce(sum(events.subscribed), 0) as subscribed,
        coalesce(sum(events.unsubscribed), 0) as unsubscribed
    from days
    left join events
        on {{ same_label('events', 'days') }}events.segment_id = days.segment_id
            and events.happened_on = days.day
    group by {{ label('days') }}days.segment_id, days.segment_name, days.day
)

select
    {{ label() }}segment_id,
    segment_name,
    day,
    cast(subscribed as bigint) as subscribed,
    cast(unsubscribed as bigint) as unsubscribed,
    cast(subscribed - unsubscribed as bigint) as net_growth,
    cast(sum(subscribed - unsubscribed) over (
        partition by {{ label() }}segment_id order by day
    ) as bigint) as members
from counted
