with
    events as (select * from {{ ref("base_landing__events") }}),

    watermark as (
        select max(case when quarantine_reason is null then occurred_at end) as newest_event_at from events
    ),

    -- what a night without a valid event says of those that it found
    rows_by_reason as (
        select quarantine_reason, count(*) as event_rows
        from events
        where quarantine_reason is not null
        group by quarantine_reason
    ),

    found as (
        select
            coalesce(cast(sum(event_rows) as bigint), 0) as event_rows,
            {{
                list_text(
                    ordered_list(
                        "quarantine_reason || ' ' || cast(event_rows as " ~ text_type() ~ ")",
                        "quarantine_reason",
                    )
                )
            }} as reasons
        from rows_by_reason
    ),

    -- given, or the first midnight after the newest valid event: the data's own watermark. One event of a
    -- clock
    -- that is fast moves no night: it is never later than the last midnight that the wall clock has passed
    final as (
        select
            {% if night_setting("as_of") -%} {{ utc_time(night_setting("as_of")) }}
            {%- else -%}
                case
                    when watermark.newest_event_at is null
                    then
                        cast(
                            {{
                                fail_with(
                                    sql_text(
                                        "the landing zone holds no valid event to take the night from. It holds "
                                    )
                                    ~ " || cast(found.event_rows as "
                                    ~ text_type()
                                    ~ ") || "
                                    ~ sql_text(" rows of events that cannot be used")
                                    ~ " || case when found.event_rows > 0 then ': ' || replace(found.reasons, ';', ', ') else '' end || "
                                    ~ sql_text(
                                        ". Deliver events, or set as_of. The clock of this machine shows "
                                        ~ wall_clock_text()
                                        ~ " UTC: if it is behind, all events are from the future"
                                    )
                                )
                            }}
                            as timestamp
                        )
                    else
                        least(
                            {{ add_seconds("date_trunc('day', watermark.newest_event_at)", 86400) }},
                            date_trunc('day', {{ wall_clock() }})
                        )
                end
            {%- endif %} as as_of,
            watermark.newest_event_at
        from watermark
        cross join found
    )

select *
from final
