-- Both streams of contacts joined: either may be loaded without the other.
with crm as (
    select * from {{ ref('stg_activecampaign__crm_contacts') }}
),

marketing as (
    select * from {{ ref('stg_activecampaign__marketing_contacts') }}
)

select
    {% if var('account_labels') %}coalesce(marketing.account_label, crm.account_label) as account_label,{% endif %}
    coalesce(marketing.contact_id, crm.contact_id) as contact_id,
    coalesce(marketing.email, crm.email_addresses->0->>'email') as email,
    marketing.email_domain,
    coalesce(marketing.name, crm.name) as name,
    coalesce(marketing.first_name, crm.first_name) as first_name,
    coalesce(marketing.last_name, crm.last_name) as last_name,
    coalesce(marketing.phones->0->>'phone', crm.phone_numbers->0->>'number') as phone,
    marketing.status,
    coalesce(marketing.account_id, crm.account_id) as account_id,
    coalesce(marketing.account_name, crm.account_name) as account_name,
    crm.title,
    coalesce(marketing.tags, crm.tags) as tags,
    coalesce(marketing.segments, crm.segments) as segments,
    coalesce(marketing.score_values, crm.scores) as scores,
    marketing.last_open_at,
    marketing.last_click_at,
    coalesce(
        crm.last_activity_at, {{ latest('marketing.last_open_at', 'marketing.last_click_at') }}
    ) as last_activity_at,
    coalesce(marketing.anonymized, crm.anonymized, false) as is_anonymized,
    coalesce(marketing.custom_fields, crm.custom_fields) as custom_fields,
    coalesce(marketing.created_at, crm.created_at) as created_at,
    coalesce(marketing.updated_at, crm.updated_at) as updated_at,
    coalesce(marketing.loaded_at, crm.loaded_at) as loaded_at
from crm
full join marketing
    on {{ same_label('crm', 'marketing') }}crm.contact_id = marketing.contact_id
where not coalesce(marketing.deleted, crm.deleted, false)
