{#- Each user of a campaign is counted once, at the step that stopped them first; candidates = all the others together. -#}
with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    reasons as (select * from {{ ref("reasons") }}),

    funnel_steps as (select * from {{ ref("funnel_steps") }}),

    counted as (
        select
            campaign_id,
            decision,
            primary_reason as reason,
            -- a reason can name a table, a segment or an event: excluded:new
            split_part(primary_reason, ':', 1) as reason_code,
            count(*) as users
        from decisions
        group by campaign_id, decision, primary_reason
    ),

    steps as (
        select campaign_id, 'candidates' as step, cast(null as {{ text_type() }}) as reason, count(*) as users
        from decisions
        group by campaign_id
        union all
        select
            counted.campaign_id,
            -- send and control are steps of their own
            case when counted.decision = 'suppress' then reasons.step else counted.decision end as step,
            counted.reason,
            counted.users
        from counted
        left join reasons on counted.reason_code = reasons.reason
    ),

    final as (
        select steps.campaign_id, steps.step, steps.reason, steps.users, funnel_steps.step_number
        from steps
        left join funnel_steps on steps.step = funnel_steps.step
    )

select *
from final
