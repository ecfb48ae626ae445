with deals as (
    select * from {{ ref('int_opportunities') }}
),

-- A move without a destination gets it from the next move's origin, the last one from the deal.
moves as (
    select
        {{ label('moves') }}moves.opportunity_id,
        moves.changed_at,
        row_number() over visits_of_deal as move_number,
        moves.old_stage_id,
        coalesce(
            moves.new_stage_id,
            lead(moves.old_stage_id) over visits_of_deal,
            deals.stage_id
        ) as stage_id
    from {{ ref('stg_activecampaign__crm_opportunity_changes') }} as moves
    inner join deals
        on {{ same_label('deals', 'moves') }}deals.opportunity_id = moves.opportunity_id
    where moves.field = 'stage'
    window visits_of_deal as (
        partition by {{ label('moves') }}moves.opportunity_id
        order by moves.changed_at, length(moves.opportunity_change_id), moves.opportunity_change_id
    )
),

last_moves as (
    select
        {{ label() }}opportunity_id,
        max(move_number) as moves,
        max(case when move_number = 1 then old_stage_id end) as first_stage_id
    from moves
    group by {{ label() }}opportunity_id
),

visits as (
    -- Where the deal was created.
    select
        {{ label('deals') }}deals.opportunity_id,
        0 as visit_number,
        coalesce(last_moves.first_stage_id, deals.stage_id) as stage_id,
        -- Without the stream of changes a deal may have moved any number of times.
        {{ 'deals.created_at' if changes_are_known() else 'cast(null as timestamp)' }}
            as entered_at
    from deals
    left join last_moves
        on {{ same_label('last_moves', 'deals') }}last_moves.opportunity_id = deals.opportunity_id
    union all
    select
        {{ label() }}opportunity_id,
        move_number,
        stage_id,
        changed_at
    from moves
    union all
    -- The present stage, if the last known move led to another one: its start is not known.
    select
        {{ label('deals') }}deals.opportunity_id,
        last_moves.moves + 1,
        deals.stage_id,
        cast(null as timestamp)
    from deals
    inner join last_moves
        on {{ same_label('last_moves', 'deals') }}last_moves.opportunity_id = deals.opportunity_id
    inner join moves
        on {{ same_label('moves', 'deals') }}moves.opportunity_id = deals.opportunity_id
            and moves.move_number = last_moves.moves
            and moves.stage_id <> deals.stage_id
),

ordered as (
    select
        visits.*,
        visit_number = max(visit_number) over (
            partition by {{ label() }}opportunity_id
        ) as is_last,
        lead(entered_at) over (
            partition by {{ label() }}opportunity_id order by visit_number
        ) as next_entered_at
    from visits
),

dated as (
    select
        ordered.*,
        deals.status,
        deals.name as opportunity_name,
        deals.stage_name as current_stage_name,
        deals.pipeline_id as current_pipeline_id,
        deals.pipeline_name as current_pipeline_name,
        deals.loaded_at,
        -- A deal may be moved after it was closed.
        case
            when not ordered.is_last then ordered.next_entered_at
            when ordered.entered_at > deals.closed_at then ordered.entered_at
            else deals.closed_at
        end as left_at
    from ordered
    inner join deals
        on {{ same_label('deals', 'ordered') }}deals.opportunity_id = ordered.opportunity_id
)

select
    {{ label('dated') }}dated.opportunity_id,
    dated.opportunity_name,
    dated.visit_number,
    dated.stage_id,
    coalesce(stages.name, case when dated.is_last then dated.current_stage_name end) as stage_name,
    coalesce(stages.pipeline_id, case when dated.is_last then dated.current_pipeline_id end)
        as pipeline_id,
    coalesce(stages.pipeline_name, case when dated.is_last then dated.current_pipeline_name end)
        as pipeline_name,
    dated.entered_at,
    dated.left_at,
    {{ days('dated.entered_at', 'dated.left_at') }} as days_in_stage,
    dated.is_last and dated.status = 'open' as is_current,
    dated.is_last and dated.status = 'won' as is_won,
    dated.is_last and dated.status = 'lost' as is_lost
from dated
left join {{ ref('stg_activecampaign__crm_stages') }} as stages
    on {{ same_label('stages', 'dated') }}stages.stage_id = dated.stage_id
