{{ config(post_hook="{{ export_rows(this) }}") }}
{%- set tags = ['hot', 'warm', 'cold'] -%}
-- Rows for the target's stream crm_contacts: a score and one of three tags; the other two are
-- removed from contacts that have them.
with as_of as (
    select max(loaded_at) as moment from {{ ref('contacts') }}
),

scored as (
    select
        contacts.*,
        least(100,
            case
                when last_activity_at >= moment - interval '7 days' then 50
                when last_activity_at >= moment - interval '30 days' then 35
                when last_activity_at >= moment - interval '90 days' then 15
                else 0
            end
            + case when active_list_count > 0 then 10 else 0 end
            + least(20, 10 * open_deals)
            + case when won_deals > 0 or completed_orders > 0 then 20 else 0 end
        ) as score
    from {{ ref('contacts') }} as contacts
    cross join as_of
    where email is not null and not is_anonymized
),

graded as (
    select
        scored.*,
        case when score >= 60 then 'hot' when score >= 30 then 'warm' else 'cold' end as grade
    from scored
),

surplus as (
    select
        {{ label('graded') }}graded.contact_id,
        array_agg(carried.tag_name order by carried.tag_name) as remove_tags
    from graded
    inner join {{ ref('int_contact_tags') }} as carried
        on {{ same_label('carried', 'graded') }}carried.contact_id = graded.contact_id
    where carried.tag_name in (
            {%- for tag in tags %}'{{ var('tag_prefix') }}{{ tag }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
        and carried.tag_name <> '{{ var('tag_prefix') }}' || graded.grade
    group by {{ label('graded') }}graded.contact_id
)

select
    {{ label('graded') }}graded.contact_id as id,
    graded.email,
    cast(graded.score as integer) as custom_fields__{{ var('score_field') }},
    array['{{ var('tag_prefix') }}' || graded.grade] as tags,
    coalesce(surplus.remove_tags, {{ no_texts() }}) as remove_tags
from graded
left join surplus on {{ same_label('surplus', 'graded') }}surplus.contact_id = graded.contact_id
