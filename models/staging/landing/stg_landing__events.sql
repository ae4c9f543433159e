with
    base as (select * from {{ ref("base_landing__events") }}),

    final as (
        select
            event_id,
            user_id,
            event_name,
            occurred_at,
            occurred_until,
            received_at,
            product_name,
            product_id,
            dwell_seconds,
            order_id,
            order_total,
            feedback_score,
            is_feedback_score_unreadable,
            latitude,
            longitude
        from base
        where quarantine_reason is null
    )

select *
from final
