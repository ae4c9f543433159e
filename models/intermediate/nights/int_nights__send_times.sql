{#- Asking the clocks of each zone at every quarter of an hour is exact on the nights when they are set forward or back. -#}
{%- set earliest = add_seconds(as_of(), 3600 * var("delivery_hours")) -%}

with
    users as (select * from {{ ref("int_users__current") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    timezones as (select * from {{ ref("timezones") }}),

    timezone_offsets as (select * from {{ ref("timezone_offsets") }}),

    zones as (select distinct timezone from users),

    send_hours as (select distinct send_hour_local from campaigns where send_hour_local is not null),

    -- two days hold every hour at least once
    steps as ({{ times_in_steps(add_seconds("date_trunc('hour', " ~ earliest ~ ")", -3600), 4 * 51, 900) }}),

    -- of the time before the first offset nothing is known but what that says
    offsets as (
        select
            clock,
            offset_seconds,
            case
                when row_number() over (partition by clock order by since) = 1
                then {{ first_time() }}
                else since
            end as starts_at,
            coalesce(lead(since) over (partition by clock order by since), {{ last_time() }}) as ends_at
        from timezone_offsets
    ),

    -- a zone that is an offset always shows the same
    zone_offsets as (
        select
            zones.timezone,
            coalesce(offsets.offset_seconds, {{ offset_seconds("zones.timezone") }}) as offset_seconds,
            coalesce(offsets.starts_at, {{ first_time() }}) as starts_at,
            coalesce(offsets.ends_at, {{ last_time() }}) as ends_at
        from zones
        left join timezones on zones.timezone = timezones.timezone_name
        left join offsets on timezones.clock = offsets.clock
    ),

    -- the offset of a zone that has a name is a multiple of a quarter of an hour; any other moves the steps
    clocks as (
        select
            zone_offsets.timezone,
            {{ add_seconds("steps.step_at", "-1 * (zone_offsets.offset_seconds % 900)") }} as step_at,
            {{
                add_seconds(
                    "steps.step_at", "zone_offsets.offset_seconds - zone_offsets.offset_seconds % 900"
                )
            }} as local_at
        from zone_offsets
        inner join steps on steps.step_at >= zone_offsets.starts_at and steps.step_at < zone_offsets.ends_at
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
        where step_at >= {{ earliest }}
        group by timezone, send_hour_local
    )

select *
from final
