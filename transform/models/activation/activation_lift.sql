{{ config(schema=none) }}
-- People who were held out of activation against those who were written. The draw is random, so the
-- difference is what activation did. An experiment begins with the first result that is held out;
-- each person belongs to the group of their first result from then on, and stays there.
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
        {{ label('written') }}written.stream,
        coalesce(
            written.activecampaign_id,
            written.contact_id,
            addresses.contact_id,
            lower(written.email)
        ) as person,
        written.run,
        written.ran_at,
        written.action,
        -- A row may have other reasons beside it.
        '; ' || coalesce(written.reason, '') || ';' like '%; held out;%' as is_held_out
    from {{ ref('int_activation_results') }} as written
    left join addresses
        on {{ same_label('addresses', 'written') }}addresses.email = lower(written.email)
    where written.stream in ('crm_contacts', 'marketing_contacts')
),

runs as (
    select
        {{ label() }}stream,
        run,
        min(ran_at) as began_at,
        max(case when is_held_out then 1 else 0 end) as is_experiment
    from results
    group by {{ label() }}stream, run
),

experiments as (
    select
        {{ label() }}stream,
        min(began_at) filter (where is_experiment = 1) as began_at
    from runs
    group by {{ label() }}stream
),

meetings as (
    select
        results.*,
        row_number() over (
            partition by {{ label('results') }}results.stream, results.person
            order by runs.began_at, results.is_held_out desc, results.ran_at
        ) as meeting_number
    from results
    inner join runs
        on {{ same_label('runs', 'results') }}runs.stream = results.stream
            and runs.run = results.run
    inner join experiments
        on {{ same_label('experiments', 'results') }}experiments.stream = results.stream
    where results.person is not null
        and (results.is_held_out or results.action in ('created', 'updated', 'unchanged'))
        and (experiments.began_at is null or runs.began_at >= experiments.began_at)
),

unsubscriptions as (
    select
        {{ label() }}contact_id,
        max(unsubscribed_at) as last_unsubscribed_at
    from {{ ref('stg_activecampaign__marketing_segment_memberships') }}
    group by {{ label() }}contact_id
),

-- A person who is not in the account, for one who was held out before being created, counts as well.
people as (
    select
        {{ label('meetings') }}meetings.stream,
        meetings.ran_at as first_ran_at,
        case when meetings.is_held_out then 1 else 0 end as is_control,
        contacts.last_open_at,
        contacts.last_click_at,
        contacts.last_ordered_at,
        contacts.last_won_at,
        unsubscriptions.last_unsubscribed_at
    from meetings
    left join {{ ref('contacts') }} as contacts
        on {{ same_label('contacts', 'meetings') }}contacts.contact_id = meetings.person
    left join unsubscriptions
        on {{ same_label('unsubscriptions', 'meetings') }}unsubscriptions.contact_id = meetings.person
    where meetings.meeting_number = 1
),

outcomes as (
    {% for metric, moment in {
        'opened': 'last_open_at',
        'clicked': 'last_click_at',
        'ordered': 'last_ordered_at',
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
