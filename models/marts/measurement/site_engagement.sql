with
    users as (select * from {{ ref("int_users__current") }}),

    events as (select * from {{ ref("int_events__visible") }}),

    by_user as (select * from {{ ref("int_events__by_user") }}),

    visits as (
        select
            user_id,
            event_name,
            product_id,
            occurred_at,
            {{ within_days("occurred_at", 30) }} as is_recent,
            {{ within_days("occurred_at", 90) }} as is_counted,
            -- decimal, so that a sum does not depend on the order of its rows
            {{ as_seconds("dwell_seconds") }} as dwell_seconds
        from events
        where event_name in ('page_viewed', 'product_viewed', 'cart_item_added')
    ),

    -- days and products are counted as rows of groups of their own: `count(distinct)` would keep each of
    -- them once more
    visit_days as (
        select
            user_id,
            cast(occurred_at as date) as visited_on,
            max(case when is_recent then 1 else 0 end) as is_recent,
            max(case when is_counted then 1 else 0 end) as is_counted,
            count(case when event_name = 'page_viewed' and is_recent then 1 end) as page_views_30,
            count(case when event_name = 'page_viewed' and is_counted then 1 end) as page_views,
            count(case when event_name = 'product_viewed' and is_recent then 1 end) as product_views_30,
            count(case when event_name = 'product_viewed' and is_counted then 1 end) as product_views,
            count(case when event_name = 'cart_item_added' and is_recent then 1 end) as cart_additions_30,
            count(case when event_name = 'cart_item_added' and is_counted then 1 end) as cart_additions,
            sum(case when is_recent then dwell_seconds end) as seconds_30,
            sum(case when is_counted then dwell_seconds end) as seconds,
            min(occurred_at) as first_visit_at,
            max(occurred_at) as last_visit_at
        from visits
        group by user_id, cast(occurred_at as date)
    ),

    counted as (
        select
            user_id,
            sum(page_views_30) as page_views_30,
            sum(page_views) as page_views,
            sum(product_views_30) as product_views_30,
            sum(product_views) as product_views,
            sum(cart_additions_30) as cart_additions_30,
            sum(cart_additions) as cart_additions,
            sum(is_recent) as visit_days_30,
            sum(is_counted) as visit_days,
            sum(seconds_30) as seconds_30,
            sum(seconds) as seconds,
            -- of all time: the first and the newest of each kind are always staged
            min(first_visit_at) as first_visit_at,
            max(last_visit_at) as last_visit_at
        from visit_days
        group by user_id
    ),

    products as (
        select
            user_id,
            product_id,
            max(case when is_recent then 1 else 0 end) as is_recent,
            sum(case when is_recent then dwell_seconds end) as seconds_30,
            sum(dwell_seconds) as seconds,
            max(occurred_at) as last_viewed_at
        from visits
        where event_name = 'product_viewed' and product_id is not null and is_counted
        group by user_id, product_id
    ),

    viewed as (
        select user_id, sum(is_recent) as products_viewed_30, count(*) as products_viewed
        from products
        group by user_id
    ),

    -- the rule of the segment interested_not_bought, over a longer time
    dwelt_on as (
        select
            products.user_id,
            count(case when products.seconds_30 >= 120 then 1 end) as products_dwelt_on_30,
            count(case when products.seconds >= 120 then 1 end) as products_dwelt_on
        from products
        inner join by_user on products.user_id = by_user.user_id
        where by_user.last_order_until is null or by_user.last_order_until < products.last_viewed_at
        group by products.user_id
    ),

    final as (
        select
            users.user_id,
            cast(coalesce(counted.page_views_30, 0) as bigint) as page_views_30,
            cast(coalesce(counted.page_views, 0) as bigint) as page_views,
            cast(coalesce(counted.product_views_30, 0) as bigint) as product_views_30,
            cast(coalesce(counted.product_views, 0) as bigint) as product_views,
            cast(coalesce(viewed.products_viewed_30, 0) as bigint) as products_viewed_30,
            coalesce(viewed.products_viewed, 0) as products_viewed,
            cast(coalesce(counted.cart_additions_30, 0) as bigint) as cart_additions_30,
            cast(coalesce(counted.cart_additions, 0) as bigint) as cart_additions,
            cast(coalesce(counted.visit_days_30, 0) as bigint) as visit_days_30,
            cast(coalesce(counted.visit_days, 0) as bigint) as visit_days,
            cast(coalesce(counted.seconds_30, 0) as double) as seconds_30,
            cast(coalesce(counted.seconds, 0) as double) as seconds,
            coalesce(dwelt_on.products_dwelt_on_30, 0) as products_dwelt_on_30,
            coalesce(dwelt_on.products_dwelt_on, 0) as products_dwelt_on,
            counted.first_visit_at,
            counted.last_visit_at
        from users
        left join counted on users.user_id = counted.user_id
        left join viewed on users.user_id = viewed.user_id
        left join dwelt_on on users.user_id = dwelt_on.user_id
    )

select *
from final
