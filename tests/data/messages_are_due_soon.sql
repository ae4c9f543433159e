with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    send_list as (select * from {{ ref("send_list") }}),

    -- a local hour comes once a day; the day on which the clocks are set forward may skip it
    decided as (
        select campaign_id, user_id, send_at, cast(null as timestamp) as valid_until
        from decisions
        where
            not coalesce(
                send_at >= {{ add_seconds("as_of", 3600 * var("delivery_hours")) }}
                and send_at < {{ add_seconds("as_of", 3600 * (49 + var("delivery_hours"))) }},
                false
            )
    ),

    listed as (
        select campaign_id, user_id, send_at, valid_until
        from send_list
        where
            not coalesce(valid_until >= send_at and valid_until <= {{ add_seconds("send_at", 86400) }}, false)
    ),

    final as (
        select *
        from decided
        union all
        select *
        from listed
    )

select *
from final
