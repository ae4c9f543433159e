{#-
    Send and control must be comparable. Control users are set apart before the arbitration, so those who lost in the arbitration
    belong to the other arm: on that night, only the hash of the user id parts them from the control users. Each user counts once,
    on the first night on which nothing but the experiment or the arbitration could have kept the message from them, and stays in
    that arm whatever happens later (intention to treat). Of a campaign that ran outside of Sendworthy, its sender says who was in
    which arm.
-#}
with
    decisions as (select * from {{ ref("stg_ledger__decisions") }}),

    campaigns as (select * from {{ ref("int_measurement__campaigns") }}),

    assignments as (select * from {{ ref("stg_landing__assignments") }}),

    outside_campaigns as (select campaign_id, control_arm from {{ ref("outside_campaigns") }}),

    outside_arms as (
        select campaign_id, campaign_arm
        from {{ ref("int_measurement__shares") }}
        where evaluation = 'outside' and campaign_arm is not null
    ),

    erased as (select * from {{ ref("int_users__erased") }}),

    events as (select * from {{ ref("int_events__with_messages") }}),

    lost_in_arbitration as (select reason from {{ ref("reasons") }} where step = 'arbitration'),

    success_events as (select distinct success_event from campaigns),

    eligible as (
        select
            decisions.as_of,
            decisions.campaign_id,
            decisions.user_id,
            decisions.variant,
            decisions.arm as campaign_arm,
            case when decisions.decision = 'control' then 'control' else 'send' end as arm,
            decisions.decision = 'send' as is_listed,
            decisions.segments,
            coalesce(decisions.send_at, decisions.as_of) as starts_at,
            row_number() over (
                partition by decisions.campaign_id, decisions.user_id
                order by
                    decisions.as_of,
                    decisions.decision,
                    decisions.send_at nulls last,
                    decisions.variant nulls last
            ) as night_number
        from decisions
        left join lost_in_arbitration on decisions.primary_reason = lost_in_arbitration.reason
        where
            decisions.as_of < {{ as_of() }}
            -- what they did afterwards is not known any more
            and not {{ is_pseudonym("decisions.user_id") }}
            and (decisions.decision in ('send', 'control') or lost_in_arbitration.reason is not null)
    ),

    assigned as (
        select
            campaign_id,
            user_id,
            as_of as assigned_at,
            variant,
            campaign_arm,
            arm,
            is_listed,
            segments,
            starts_at,
            false as is_outside
        from eligible
        where night_number = 1
        union all
        select
            assignments.campaign_id,
            assignments.user_id,
            assignments.assigned_at,
            cast(null as {{ text_type() }}) as variant,
            outside_arms.campaign_arm,
            case when outside_arms.campaign_arm is null then 'control' else 'send' end as arm,
            outside_arms.campaign_arm is not null as is_listed,
            -- what they were in then, nobody has kept
            cast(null as {{ text_list_type() }}) as segments,
            assignments.assigned_at as starts_at,
            true as is_outside
        from assignments
        inner join outside_campaigns on assignments.campaign_id = outside_campaigns.campaign_id
        left join
            outside_arms
            on assignments.campaign_id = outside_arms.campaign_id
            and assignments.arm = outside_arms.campaign_arm
        where
            assignments.assigned_at < {{ as_of() }}
            -- ops.input_problems names the arms that nobody has declared
            and (outside_arms.campaign_arm is not null or assignments.arm = outside_campaigns.control_arm)
    ),

    windows as (
        select
            assigned.campaign_id,
            assigned.user_id,
            assigned.assigned_at,
            assigned.variant,
            assigned.campaign_arm,
            assigned.arm,
            assigned.is_listed,
            assigned.segments,
            {{ days_before("assigned.starts_at", "campaigns.success_window_days") }} as before_at,
            assigned.starts_at,
            {{ add_seconds("assigned.starts_at", "86400 * campaigns.success_window_days") }} as ends_at,
            campaigns.success_event
        from assigned
        inner join
            campaigns
            on assigned.campaign_id = campaigns.campaign_id
            -- nights of a folder that is gone say nothing of an outside campaign of its name
            and assigned.is_outside = (campaigns.evaluation = 'outside')
        left join erased on assigned.user_id = erased.user_id
        where erased.user_id is null
    ),

    successes as (
        select events.user_id, events.event_name, events.occurred_at
        from events
        inner join success_events on events.event_name = success_events.success_event
    ),

    converted as (
        select distinct windows.campaign_id, windows.user_id
        from windows
        inner join
            successes
            on windows.user_id = successes.user_id
            and windows.success_event = successes.event_name
            and successes.occurred_at >= windows.starts_at
            and successes.occurred_at < windows.ends_at
    ),

    final as (
        select
            windows.campaign_id,
            windows.user_id,
            windows.assigned_at,
            windows.variant,
            windows.campaign_arm,
            windows.arm,
            windows.is_listed,
            windows.segments,
            windows.success_event,
            windows.before_at,
            windows.starts_at,
            windows.ends_at,
            windows.ends_at <= {{ as_of() }} as is_matured,
            converted.user_id is not null as has_converted
        from windows
        left join
            converted on windows.campaign_id = converted.campaign_id and windows.user_id = converted.user_id
    )

select *
from final
