-- A row per contact and score: from the stream of scores, else from the contact.
with own as (
    select
        {{ label() }}contact_id,
        score_id,
        value
    from {{ ref('stg_activecampaign__crm_contact_scores') }}
),

nested as (
    select
        {{ label('contacts') }}contacts.contact_id,
        items.item->>'score_id' as score_id,
        cast(items.item->>'value' as double precision) as value
    from {{ ref('int_contacts') }} as contacts
    cross join {{ json_items('contacts.scores') }}
)

select * from own
union all
select nested.*
from nested
left join own
    on {{ same_label('own', 'nested') }}own.contact_id = nested.contact_id
        and own.score_id = nested.score_id
where own.contact_id is null
