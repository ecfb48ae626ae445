-- Tags that contacts have now, from the contacts themselves: the stream of applied tags keeps the
-- rows of removed tags.
with carried as (
    select distinct
        {{ label('contacts') }}contacts.contact_id,
        items.item->>'id' as tag_id,
        items.item->>'name' as tag_name
    from {{ ref('int_contacts') }} as contacts
    cross join {{ json_items('contacts.tags') }}
    where items.item->>'id' is not null
)

select
    {{ row_key(['contact_id', 'tag_id'], 'carried') }} as contact_tag_key,
    {{ label('carried') }}carried.contact_id,
    carried.tag_id,
    carried.tag_name,
    applied.created_at as applied_at
from carried
left join {{ ref('stg_activecampaign__marketing_contact_tags') }} as applied
    on {{ same_label('applied', 'carried') }}applied.contact_id = carried.contact_id
        and applied.tag_id = carried.tag_id
