{{ config(schema=none) }}
-- People who were held out of activation against those who were not, from the first run on that
-- met them. The draw is random, so the difference is what activation did.
with addresses as (
    select
        {{ label() }}lower(email) as email,
        min(contact_id) as contact_id
    from {{ ref('contacts') }}
    where email is not null
    group by {{ label() }}lower(email)
),

results as (
    select
        {{ label('results') }}results.stream,
        coalesce(results.activecampaign_id, results.contact_id, addresses.contact_id) as contact_id,
        min(results.ran_at) as first_ran_at,
        max(case when results.reason = 'held out' then 1 else 0 end) as is_control
    from {{ ref('int_activation_results') }} as results
    left join addresses
        on {{ same_label('addresses', 'results') }}addresses.email = lower(results.email)
    where results.reason = 'held out' or results.action in ('created', 'updated', 'unchanged')
    group by
        {{ label('results') }}results.stream,
        coalesce(results.activecampaign_id, results.contact_id, addresses.contact_id)
),

unsubscriptions as (
    select
        {{ label() }}contact_id,
        max(unsubscribed_at) as last_unsubscribed_at
    from {{ ref('stg_activecampaign__marketing_segment_memberships') }}
    group by {{ label() }}contact_id
),

people as (
    select
        results.*,
        contacts.last_open_at,
        contacts.last_click_at,
        contacts.last_won_at,
        unsubscriptions.last_unsubscribed_at
    from results
    inner join {{ ref('contacts') }} as contacts
        on {{ same_label('contacts', 'results') }}contacts.contact_id = results.contact_id
    left join unsubscriptions
        on {{ same_label('unsubscriptions', 'results') }}unsubscriptions.contact_id
            = results.contact_id
),

outcomes as (
    {% for metric, moment in {
        'opened': 'last_open_at',
        'clicked': 'last_click_at',
        'won a deal': 'last_won_at',
        'unsubscribed': 'last_unsubscribed_at',
    }.items() %}
    select
        {{ label() }}stream,
        '{{ metric }}' as metric,
        is_control,
        case when {{ moment }} > first_ran_at then 1 else 0 end as converted
    from people
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select
        {{ label() }}stream,
        metric,
        count(*) filter (where is_control = 0) as treated,
        count(*) filter (where is_control = 1) as control,
        coalesce(sum(converted) filter (where is_control = 0), 0) as treated_converted,
        coalesce(sum(converted) filter (where is_control = 1), 0) as control_converted
    from outcomes
    group by {{ label() }}stream, metric
),

rates as (
    select
        counted.*,
        {{ ratio('treated_converted', 'treated') }} as treated_rate,
        {{ ratio('control_converted', 'control') }} as control_rate
    from counted
)

select
    {{ row_key(['stream', 'metric']) }} as lift_key,
    {{ label() }}stream,
    metric,
    treated,
    cast(treated_converted as bigint) as treated_converted,
    treated_rate,
    control,
    cast(control_converted as bigint) as control_converted,
    control_rate,
    treated_rate - control_rate as difference,
    sqrt(
        treated_rate * (1 - treated_rate) / nullif(treated, 0)
        + control_rate * (1 - control_rate) / nullif(control, 0)
    ) as standard_error,
    treated_rate / nullif(control_rate, 0) - 1 as lift
from rates
