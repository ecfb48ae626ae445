-- Lists that contacts are or were on, from the contacts themselves, with the status there.
select
    {{ label('contacts') }}contacts.contact_id,
    items.item->>'id' as segment_id,
    items.item->>'name' as segment_name,
    items.item->>'status' as status
from {{ ref('int_contacts') }} as contacts
cross join {{ json_items('contacts.segments') }}
