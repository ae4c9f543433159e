with
    events as (select * from {{ ref("int_events__visible") }}),

    by_user as (select * from {{ ref("int_events__by_user") }}),

    products as (
        select
            user_id,
            product_id,
            sum({{ as_seconds("dwell_seconds") }}) as dwell_seconds,
            max(occurred_at) as last_viewed_at
        from events
        where
            event_name = 'product_viewed' and product_id is not null and {{ within_days("occurred_at", 14) }}
        group by user_id, product_id
    ),

    final as (
        select products.user_id, count(*) as products_of_interest
        from products
        inner join by_user on products.user_id = by_user.user_id
        where
            products.dwell_seconds >= 120
            and (by_user.last_order_until is null or by_user.last_order_until < products.last_viewed_at)
        group by products.user_id
    )

select *
from final
