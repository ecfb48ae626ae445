{#- Null, not zero, where a stream was not loaded. -#}
{%- set orders_are_known = is_loaded('commerce_orders') -%}
{%- set engagement_is_known = is_loaded('marketing_engagements') -%}
with tags as (
    select
        {{ label() }}contact_id,
        array_agg(tag_name order by tag_name) as tags,
        count(*) as tag_count
    from {{ ref('int_contact_tags') }}
    group by {{ label() }}contact_id
),

lists as (
    select
        {{ label() }}contact_id,
        array_agg(segment_name order by segment_name) filter (where status = 'active')
            as active_lists,
        array_agg(segment_name order by segment_name) filter (where status = 'unsubscribed')
            as unsubscribed_lists,
        count(*) filter (where status = 'active') as active_list_count
    from {{ ref('int_contact_segments') }}
    group by {{ label() }}contact_id
),

scores as (
    select
        {{ label() }}contact_id,
        max(value) as highest_score
    from {{ ref('int_contact_scores') }}
    group by {{ label() }}contact_id
),

deals as (
    select
        {{ label() }}contact_id,
        count(*) filter (where status = 'open') as open_deals,
        count(*) filter (where status = 'won') as won_deals,
        count(*) filter (where status = 'lost') as lost_deals,
        case when count(distinct currency) = 1 then min(currency) end as deals_currency,
        case when count(distinct currency) = 1
            then coalesce(sum(amount) filter (where status = 'open'), 0) end as open_amount,
        case when count(distinct currency) = 1
            then coalesce(sum(amount) filter (where status = 'won'), 0) end as won_amount,
        max(closed_at) filter (where status = 'won') as last_won_at
    from {{ ref('int_opportunities') }}
    where contact_id is not null
    group by {{ label() }}contact_id
),

orders as (
    select
        {{ label() }}contact_id,
        count(*) as completed_orders,
        case when count(distinct currency) = 1 then min(currency) end as orders_currency,
        case when count(distinct currency) = 1 then coalesce(sum(amount), 0) end as order_amount,
        max(ordered_at) as last_ordered_at
    from {{ ref('int_orders') }}
    where contact_id is not null and outcome = 'completed'
    group by {{ label() }}contact_id
)

select
    {{ label('contacts') }}contacts.contact_id,
    contacts.email,
    contacts.email_domain,
    contacts.name,
    contacts.first_name,
    contacts.last_name,
    contacts.phone,
    contacts.status,
    contacts.account_id,
    contacts.account_name,
    contacts.title,
    coalesce(tags.tags, {{ no_texts() }}) as tags,
    coalesce(tags.tag_count, 0) as tag_count,
    coalesce(lists.active_lists, {{ no_texts() }}) as active_lists,
    coalesce(lists.unsubscribed_lists, {{ no_texts() }}) as unsubscribed_lists,
    coalesce(lists.active_list_count, 0) as active_list_count,
    scores.highest_score,
    coalesce(deals.open_deals, 0) as open_deals,
    coalesce(deals.won_deals, 0) as won_deals,
    coalesce(deals.lost_deals, 0) as lost_deals,
    deals.deals_currency,
    {{ money('deals.open_amount') }} as open_amount,
    {{ money('deals.won_amount') }} as won_amount,
    deals.last_won_at,
    {{ 'coalesce(orders.completed_orders, 0)' if orders_are_known else 'cast(null as bigint)' }}
        as completed_orders,
    orders.orders_currency,
    {{ money('orders.order_amount') }} as order_amount,
    orders.last_ordered_at,
    {% for name in ['emails_sent', 'emails_opened', 'emails_clicked', 'emails_bounced'] -%}
    {{ 'coalesce(engagement.' ~ name ~ ', 0)' if engagement_is_known else 'cast(null as bigint)' }}
        as {{ name }},
    {% endfor -%}
    engagement.last_sent_at,
    -- An open or a click does not change the contact, so the stream of engagements may be ahead.
    {{ latest('contacts.last_open_at', 'engagement.last_open_at') }} as last_open_at,
    {{ latest('contacts.last_click_at', 'engagement.last_click_at') }} as last_click_at,
    {{ latest(
        'contacts.last_activity_at', latest('engagement.last_open_at', 'engagement.last_click_at')
    ) }} as last_activity_at,
    contacts.is_anonymized,
    contacts.custom_fields,
    contacts.created_at,
    contacts.updated_at,
    contacts.loaded_at
from {{ ref('int_contacts') }} as contacts
left join tags on {{ same_label('tags', 'contacts') }}tags.contact_id = contacts.contact_id
left join lists on {{ same_label('lists', 'contacts') }}lists.contact_id = contacts.contact_id
left join scores on {{ same_label('scores', 'contacts') }}scores.contact_id = contacts.contact_id
left join deals on {{ same_label('deals', 'contacts') }}deals.contact_id = contacts.contact_id
left join orders on {{ same_label('orders', 'contacts') }}orders.contact_id = contacts.contact_id
left join {{ ref('int_contact_engagement') }} as engagement
    on {{ same_label('engagement', 'contacts') }}engagement.contact_id = contacts.contact_id
