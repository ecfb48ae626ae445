select
    {{ row_key(['account_id', 'currency'], 'deals') }} as revenue_key,
    {{ label('deals') }}deals.account_id,
    max(accounts.name) as account_name,
    deals.currency,
    count(*) filter (where deals.status = 'won') as won_deals,
    count(*) filter (where deals.status = 'open') as open_deals,
    count(*) filter (where deals.status = 'lost') as lost_deals,
    {{ money("coalesce(sum(deals.amount) filter (where deals.status = 'won'), 0)") }} as won_amount,
    {{ money("coalesce(sum(deals.amount) filter (where deals.status = 'open'), 0)") }} as open_amount,
    {{ money("coalesce(sum(deals.amount) filter (where deals.status = 'lost'), 0)") }} as lost_amount,
    {{ money("avg(deals.amount) filter (where deals.status = 'won')") }} as average_won_amount,
    {{ ratio(
        "count(*) filter (where deals.status = 'won')",
        "count(*) filter (where deals.status in ('won', 'lost'))"
    ) }} as win_rate,
    min(deals.closed_at) filter (where deals.status = 'won') as first_won_at,
    max(deals.closed_at) filter (where deals.status = 'won') as last_won_at
from {{ ref('int_opportunities') }} as deals
left join {{ ref('stg_activecampaign__crm_accounts') }} as accounts
    on {{ same_label('accounts', 'deals') }}accounts.account_id = deals.account_id
group by {{ label('deals') }}deals.account_id, deals.currency
