-- Deals that the key's user may see, each with the account it counts for and when it was closed.
with closings as (
    select
        {{ label() }}opportunity_id,
        max(changed_at) as closed_at
    from {{ ref('stg_activecampaign__crm_opportunity_changes') }}
    where field = 'status' and new_status in ('won', 'lost')
    group by {{ label() }}opportunity_id
)

select
    {{ label('deals') }}deals.opportunity_id,
    deals.name,
    deals.amount,
    deals.currency,
    deals.status,
    deals.stage_id,
    deals.stage_name,
    deals.pipeline_id,
    deals.pipeline_name,
    deals.owner_id,
    deals.contact_id,
    coalesce(deals.account_id, contacts.account_id) as account_id,
    deals.created_at,
    case when deals.status in ('won', 'lost') then closings.closed_at end as closed_at,
    deals.loaded_at
from {{ ref('stg_activecampaign__crm_opportunities') }} as deals
left join {{ ref('int_contacts') }} as contacts
    on {{ same_label('contacts', 'deals') }}contacts.contact_id = deals.contact_id
left join closings
    on {{ same_label('closings', 'deals') }}closings.opportunity_id = deals.opportunity_id
where not coalesce(deals.is_disabled, false)
