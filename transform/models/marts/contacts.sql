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
    contacts.last_open_at,
    contacts.last_click_at,
    contacts.last_activity_at,
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
