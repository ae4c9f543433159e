{#-
    Send and control must be comparable. Control users are set apart before the arbitration, so those who lost in the arbitration
    belong to the other arm: on that night, only the hash of the user id parts them from the control users. Each user counts once,
    on the first night on which nothing but the experiment or the arbitration could have kept the message from them, and stays in
    that arm whatever happens later (intention to treat).
-#}
with
    decisions as (select * from {{ ref("stg_ledger__decisions") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

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

    windows as (
        select
            eligible.campaign_id,
            eligible.user_id,
            eligible.as_of as assigned_at,
            eligible.variant,
            eligible.campaign_arm,
            eligible.arm,
            eligible.is_listed,
            eligible.segments,
            {{ days_before("eligible.starts_at", "campaigns.success_window_days") }} as before_at,
            eligible.starts_at,
            {{ add_seconds("eligible.starts_at", "86400 * campaigns.success_window_days") }} as ends_at,
            campaigns.success_event
        from eligible
        inner join campaigns on eligible.campaign_id = campaigns.campaign_id
        left join erased on eligible.user_id = erased.user_id
        where eligible.night_number = 1 and erased.user_id is null
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
