with stages as (
    select
        {{ label() }}pipeline_id,
        pipeline_name,
        stage_id,
        name as stage_name,
        row_number() over (
            partition by {{ label() }}pipeline_id order by position, length(stage_id), stage_id
        ) as step
    from {{ ref('stg_activecampaign__crm_stages') }}
),

visits as (
    select
        {{ label('history') }}history.opportunity_id,
        stages.pipeline_id,
        stages.stage_id,
        stages.step,
        history.days_in_stage,
        history.is_current,
        history.is_won,
        history.is_lost
    from {{ ref('deal_stage_history') }} as history
    inner join stages
        on {{ same_label('stages', 'history') }}stages.stage_id = history.stage_id
),

-- The last position of each deal in each pipeline; a won deal reached the end.
deals as (
    select
        {{ label() }}opportunity_id,
        pipeline_id,
        max(step) as furthest_step,
        max(case when is_won then 1 else 0 end) as won
    from visits
    group by {{ label() }}opportunity_id, pipeline_id
),

reached as (
    select
        {{ label('stages') }}stages.pipeline_id,
        stages.step,
        count(deals.opportunity_id) as reached,
        coalesce(sum(deals.won), 0) as won
    from stages
    left join deals
        on {{ same_label('deals', 'stages') }}deals.pipeline_id = stages.pipeline_id
            and (deals.furthest_step >= stages.step or deals.won = 1)
    group by {{ label('stages') }}stages.pipeline_id, stages.step
),

steps as (
    select
        reached.*,
        lead(reached) over by_step as reached_next,
        first_value(reached) over by_step as reached_first
    from reached
    window by_step as (partition by {{ label() }}pipeline_id order by step)
),

times as (
    select
        {{ label() }}stage_id,
        count(distinct opportunity_id) as visited,
        count(*) filter (where is_current) as open_now,
        count(*) filter (where is_won) as won_here,
        count(*) filter (where is_lost) as lost_here,
        avg(days_in_stage) as average_days,
        percentile_cont(0.5) within group (order by days_in_stage) as median_days
    from visits
    group by {{ label() }}stage_id
)

select
    {{ label('stages') }}stages.pipeline_id,
    stages.pipeline_name,
    stages.stage_id,
    stages.stage_name,
    stages.step,
    coalesce(times.visited, 0) as visited,
    steps.reached,
    cast(coalesce(steps.reached_next, steps.won) as bigint) as advanced,
    {{ ratio('coalesce(steps.reached_next, steps.won)', 'steps.reached') }} as conversion,
    {{ ratio('steps.reached', 'steps.reached_first') }} as conversion_from_start,
    coalesce(times.open_now, 0) as open_now,
    coalesce(times.won_here, 0) as won_here,
    coalesce(times.lost_here, 0) as lost_here,
    times.average_days,
    times.median_days
from stages
inner join steps
    on {{ same_label('steps', 'stages') }}steps.pipeline_id = stages.pipeline_id
        and steps.step = stages.step
left join times
    on {{ same_label('times', 'stages') }}times.stage_id = stages.stage_id
