with
    funnel as (select * from {{ ref("suppression_funnel") }}),

    decisions as (select * from {{ ref("campaign_decisions") }}),

    by_step as (
        select
            campaign_id,
            sum(case when step = 'candidates' then users else 0 end) as candidates,
            sum(case when step <> 'candidates' then users else 0 end) as stopped_or_sent,
            sum(case when step = 'send' then users else 0 end) as sends
        from funnel
        group by campaign_id
    ),

    by_decision as (
        select campaign_id, count(*) as candidates, count(case when decision = 'send' then 1 end) as sends
        from decisions
        group by campaign_id
    ),

    final as (
        select
            coalesce(by_step.campaign_id, by_decision.campaign_id) as campaign_id,
            by_step.stopped_or_sent,
            by_step.candidates as candidates_of_the_funnel,
            by_decision.candidates as candidates_decided
        from by_step
        full outer join by_decision on by_step.campaign_id = by_decision.campaign_id
        where
            by_step.stopped_or_sent is distinct from by_decision.candidates
            or by_step.candidates is distinct from by_decision.candidates
            or by_step.sends is distinct from by_decision.sends
    )

select *
from final
