{#- Asking the clocks of each zone at every quarter of an hour is exact on the nights when they are set forward or back. -#}
with
    users as (select * from {{ ref("int_users__current") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    zones as (select distinct timezone from users),

    send_hours as (select distinct send_hour_local from campaigns),

    -- every offset of a zone in use is a multiple of a quarter of an hour; two days hold every hour at
    -- least once
    steps as ({{ times_in_steps(add_seconds("date_trunc('hour', " ~ as_of() ~ ")", -3600), 4 * 51, 900) }}),

    clocks as (
        select zones.timezone, steps.step_at, {{ local_time("steps.step_at", "zones.timezone") }} as local_at
        from zones
        cross join steps
    ),

    ticks as (
        select *, lag(local_at) over (partition by timezone order by step_at) as local_before from clocks
    ),

    -- the clock shows the hour, or has jumped over it (it is set forward in between): then the message goes
    -- at the jump
    struck as (
        select ticks.timezone, ticks.step_at, send_hours.send_hour_local
        from ticks
        cross join send_hours
        where
            ticks.local_at = {{ hour_of_day("ticks.local_at", "send_hours.send_hour_local") }}
            or (
                ticks.local_before < {{ hour_of_day("ticks.local_at", "send_hours.send_hour_local") }}
                and ticks.local_at > {{ hour_of_day("ticks.local_at", "send_hours.send_hour_local") }}
            )
    ),

    final as (
        select timezone, send_hour_local, min(step_at) as send_at
        from struck
        where step_at >= {{ as_of() }}
        group by timezone, send_hour_local
    )

select *
from final
