with
    events as (select * from {{ ref("int_events__visible") }}),

    returns as (
        select * from events where event_name = 'return_requested' and {{ within_days("occurred_at", 90) }}
    ),

    refunds as (
        select user_id, order_id, max(occurred_at) as last_refunded_at
        from events
        where event_name = 'order_refunded' and order_id is not null
        group by user_id, order_id
    ),

    -- a return that names no order can never be matched: it stays pending
    final as (
        select returns.user_id, count(*) as pending_refunds
        from returns
        left join refunds on returns.user_id = refunds.user_id and returns.order_id = refunds.order_id
        where refunds.last_refunded_at is null or refunds.last_refunded_at < returns.occurred_until
        group by returns.user_id
    )

select *
from final
