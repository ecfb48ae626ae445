select
    history.dbt_scd_id as tag_history_key,
    {{ label('history') }}history.contact_id,
    history.tag_id,
    coalesce(tags.name, history.tag_name) as tag_name,
    history.applied_at,
    history.dbt_valid_from as first_seen_at,
    history.dbt_valid_to as removal_seen_at,
    history.dbt_valid_to is null as is_current,
    {{ days('coalesce(history.applied_at, history.dbt_valid_from)', 'history.dbt_valid_to') }}
        as days_carried
from {{ ref('contact_tags_snapshot') }} as history
left join {{ ref('stg_activecampaign__marketing_tags') }} as tags
    on {{ same_label('tags', 'history') }}tags.tag_id = history.tag_id
