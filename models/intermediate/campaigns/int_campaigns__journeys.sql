{#- When a later step's journey began. The ledger knows it of the message before; without one, the step begins with its trigger. -#}
with
    candidates as (select * from {{ ref("int_campaigns__candidates") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    dispatches as (select * from {{ ref("int_messages__dispatches") }}),

    later_steps as (
        select
            candidates.campaign_id, candidates.user_id, candidates.trigger_at, campaigns.previous_campaign_id
        from candidates
        inner join campaigns on candidates.campaign_id = campaigns.campaign_id
        where campaigns.previous_campaign_id is not null
    ),

    steps_before as (
        select
            later_steps.campaign_id,
            later_steps.user_id,
            later_steps.trigger_at,
            dispatches.as_of,
            dispatches.dispatch_id,
            dispatches.send_at,
            dispatches.journey_started_at
        from later_steps
        left join
            dispatches
            on later_steps.user_id = dispatches.user_id
            and later_steps.previous_campaign_id = dispatches.campaign_id
            and dispatches.as_of <= later_steps.trigger_at
            and not dispatches.is_taken_back
    ),

    final as (
        select
            campaign_id,
            user_id,
            coalesce(
                {{ newest("journey_started_at", "send_at", "dispatch_id", "send_at <= trigger_at") }},
                -- a provider may send earlier than it was asked to
                {{ newest("journey_started_at", "as_of", "dispatch_id", "as_of is not null") }},
                max(trigger_at)
            ) as journey_started_at
        from steps_before
        group by campaign_id, user_id
    )

select *
from final
