{#- Null, not zero, where orders were not loaded. -#}
{%- set orders_are_known = is_loaded('commerce_orders') -%}
with deals as (
    select
        {{ row_key(['account_id', 'currency']) }} as revenue_key,
        {{ label() }}account_id,
        currency,
        count(*) filter (where status = 'won') as won_deals,
        count(*) filter (where status = 'open') as open_deals,
        count(*) filter (where status = 'lost') as lost_deals,
        coalesce(sum(amount) filter (where status = 'won'), 0) as won_amount,
        coalesce(sum(amount) filter (where status = 'open'), 0) as open_amount,
        coalesce(sum(amount) filter (where status = 'lost'), 0) as lost_amount,
        avg(amount) filter (where status = 'won') as average_won_amount,
        min(closed_at) filter (where status = 'won') as first_won_at,
        max(closed_at) filter (where status = 'won') as last_won_at
    from {{ ref('int_opportunities') }}
    group by {{ label() }}account_id, currency
),

orders as (
    select
        {{ row_key(['account_id', 'currency']) }} as revenue_key,
        {{ label() }}account_id,
        currency,
        count(*) filter (where outcome = 'completed') as completed_orders,
        count(*) filter (where outcome = 'pending') as pending_orders,
        count(*) filter (where outcome = 'cancelled') as cancelled_orders,
        count(*) filter (where outcome = 'unknown') as unknown_orders,
        coalesce(sum(amount) filter (where outcome = 'completed'), 0) as order_amount,
        avg(amount) filter (where outcome = 'completed') as average_order_amount,
        min(ordered_at) filter (where outcome = 'completed') as first_ordered_at,
        max(ordered_at) filter (where outcome = 'completed') as last_ordered_at
    from {{ ref('int_orders') }}
    group by {{ label() }}account_id, currency
),

pairs as (
    select revenue_key, {{ label() }}account_id, currency from deals
    union
    select revenue_key, {{ label() }}account_id, currency from orders
)

select
    pairs.revenue_key,
    {{ label('pairs') }}pairs.account_id,
    accounts.name as account_name,
    pairs.currency,
    coalesce(deals.won_deals, 0) as won_deals,
    coalesce(deals.open_deals, 0) as open_deals,
    coalesce(deals.lost_deals, 0) as lost_deals,
    {{ money('coalesce(deals.won_amount, 0)') }} as won_amount,
    {{ money('coalesce(deals.open_amount, 0)') }} as open_amount,
    {{ money('coalesce(deals.lost_amount, 0)') }} as lost_amount,
    {{ money('deals.average_won_amount') }} as average_won_amount,
    {{ ratio('deals.won_deals', '(deals.won_deals + deals.lost_deals)') }} as win_rate,
    deals.first_won_at,
    deals.last_won_at,
    {% for outcome in ['completed', 'pending', 'cancelled', 'unknown'] -%}
    {{ 'coalesce(orders.' ~ outcome ~ '_orders, 0)' if orders_are_known else 'cast(null as bigint)' }}
        as {{ outcome }}_orders,
    {% endfor -%}
    {{ money('coalesce(orders.order_amount, 0)' if orders_are_known else 'null') }} as order_amount,
    {{ money('orders.average_order_amount') }} as average_order_amount,
    orders.first_ordered_at,
    orders.last_ordered_at
from pairs
left join deals on deals.revenue_key = pairs.revenue_key
left join orders on orders.revenue_key = pairs.revenue_key
left join {{ ref('stg_activecampaign__crm_accounts') }} as accounts
    on {{ same_label('accounts', 'pairs') }}accounts.account_id = pairs.account_id
