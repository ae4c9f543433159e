with
    events as (select * from {{ ref("stg_landing__events") }}),

    watermark as (select max(occurred_at) as newest_event_at from events),

    -- given, or the first midnight after the newest valid event: the data's own watermark. One event of a
    -- clock
    -- that is fast moves no night: it is never later than the last midnight that the wall clock has passed
    final as (
        select
            {% if night_setting("as_of") -%} {{ utc_time(night_setting("as_of")) }}
            {%- else -%}
                case
                    when newest_event_at is null
                    then
                        cast(
                            {{
                                fail_with(
                                    "the landing zone holds no valid event to tell the night by: deliver events, or set as_of. The clock of this machine shows "
                                    ~ wall_clock_text()
                                    ~ " UTC: if it is behind, all events are from the future"
                                )
                            }}
                            as timestamp
                        )
                    else
                        least(
                            {{ add_seconds("date_trunc('day', newest_event_at)", 86400) }},
                            date_trunc('day', {{ wall_clock() }})
                        )
                end
            {%- endif %} as as_of,
            newest_event_at
        from watermark
    )

select *
from final
