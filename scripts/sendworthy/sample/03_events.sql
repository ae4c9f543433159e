-- What the people did. A session is a visit: pages, then products, then perhaps a basket, then perhaps an order.
create or replace table session as
with
    counted as (
        select
            *,
            case tier
                when 'once' then 1
                when 'sleeper' then 0
                else greatest(is_new_here::integer, floor(session_rate * (active_to_s - active_from_s) / 86400 + u(i, 'sessions'))::integer)
            end as sessions,
        from person
    ),

    listed as (
        select *, unnest(range(0, sessions))::integer as k from counted
        union all by name
        -- the sleepers, and some others, were last here long before
        select *, 1000 + unnest(range(0, 1 + floor(u(i, 'long_ago') * 3)::integer)) as k
        from (select *, 0 as sessions from person where not is_new_here and not never_came and (tier = 'sleeper' or u(i, 'veteran') < 0.1) and u(i, 'ever') < 0.7)
    ),

    drawn as (
        select
            *,
            h(i || '-' || k, 'session') as h1,
            h(i || '-' || k, 'visit') as h2,
        from listed
    ),

    dayed as (
        select
            *,
            case
                when k >= 1000 then greatest(signup_s, start_s - 320 * 86400) + floor(part(h1, 0) * (start_s - greatest(signup_s, start_s - 320 * 86400)))
                else active_from_s + floor(part(h1, 0) * (active_to_s - active_from_s))
            end::bigint as roughly_s,
        from drawn
    ),

    -- the week has a rhythm: a third of Saturday's visits happen on Sunday instead
    weekday as (
        select
            *,
            (roughly_s + tz_minutes * 60) // 86400 + case when ((roughly_s + tz_minutes * 60) // 86400 + 4) % 7 = 6 and part(h1, 1) < 0.35 then 1 else 0 end as local_day,
        from dayed
    ),

    -- and so has the day: lunch and evening
    timed as (
        select
            *,
            case
                when k = 0 and is_new_here then signup_s + 60 + floor(part(h1, 2) * 300)::bigint
                else
                    local_day * 86400 - tz_minutes * 60 + floor(part(h1, 3) * 3600)::bigint
                    + 3600 * pick([0, 1, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 12, 12, 12, 13, 13, 14, 15, 16, 17, 17, 18, 18, 19, 19, 19, 20, 20, 20, 20, 21, 21, 21, 22, 22, 23], part(h1, 2))
            end as s,
        from weekday
    ),

    planned as (
        select
            i,
            user_id,
            slot,
            tier,
            k,
            s,
            h2,
            1 + floor(part(h2, 0) * 2)::integer as pages,
            floor(part(h2, 1) * part(h2, 1) * 7)::integer + 1 as views,
            case when part(h2, 2) < 0.24 then 1 when part(h2, 2) < 0.29 then 2 else 0 end as carts,
            part(h2, 3) < case tier when 'power' then 0.35 when 'loyal' then 0.55 when 'regular' then 0.45 else 0.35 end as would_buy,
            -- what this visit is about: one of the person's few favourites
            floor(u(i || '-' || floor(part(h1, 1) * 4)::integer, 'favourite') * u(i || '-' || floor(part(h1, 1) * 4)::integer, 'popular') * 200)::bigint as product_no,
            -- seconds between two steps
            15 + floor(part(h1, 3) * part(h1, 3) * 90)::bigint as pace,
        from timed
        where s >= signup_s and s < getvariable('until_s') - 90 and (k >= 1000 or s < active_to_s + 43200)
    )

select
    *,
    carts > 0 and would_buy as buys,
    pages + views + carts + (carts > 0 and would_buy)::integer as steps,
    s + (pages + views + carts) * pace as end_s,
from planned;


-- How it reached us: mostly within seconds, some when the telephone was back on line, some days later; and what
-- happened to it on the way. The rates under u_mess are shares of the deliveries.
create or replace temp table delivered_event as
with
    stepped as (
        select
            session.* exclude (h2),
            unnest(range(0, steps))::integer as j,
            h2 & 2147483647 as x,
        from session
    ),

    mixed as (
        select
            *,
            mix(mix(x + j * 104729)) as r,
            mix(mix(x + j * 224737) + 15485863) as r2,
        from stepped
    ),

    chosen as (
        select
            *,
            case when j < pages then 'page' when j < pages + views then 'view' when j < pages + views + carts then 'cart' else 'order' end as step,
            -- half of the views are of the favourite; a second basket line is something else
            case when j < pages + views and r % 100 < 45 or j = pages + views + 1 and carts = 2 then (r2 // 16 % 200) * (r2 // 4096 % 200) // 200 else product_no end as step_product_no,
            case
                when j between pages and pages + views - 1 then 3 + ((r // 1024) % 60) * ((r // 1024) % 60) // 30 + case when r % 37 = 0 then 180 else 0 end
                else 0
            end as dwell,
        from mixed
    ),

    named as (
        select
            chosen.*,
            -- catalogue feeds have holes as well
            case
                when r // 512 % 1000 < 14 then (select list(coalesce(to_json(text)::varchar, 'null') order by n) from blank)[1 + r2 // 1024 % 35]
                when r // 512 % 1000 < 16 then (select list(to_json(text)::varchar order by n) from unsafe)[1 + r2 // 1024 % 6]
                else product.product_json
            end as product_json,
            product.product_id,
            product.price,
        from chosen
        inner join product on product.product_no = chosen.step_product_no
    ),

    visits as (
        select
            i,
            user_id,
            'e' || i || '.' || k || '.' || j as event_id,
            case step when 'page' then 'page_viewed' when 'view' then 'product_viewed' when 'cart' then 'cart_item_added' else 'order_completed' end as event_name,
            s + j * pace as s,
            case step
                when 'page' then '{"page":"' || ['/', '/new', '/search', '/sale', '/help'][1 + r % 5] || '"}'
                when 'view' then
                    '{"product_id":"' || product_id || '","product_name":' || product_json || ',"dwell_seconds":'
                    || case r2 // 8 % 2000 when 0 then '"long"' when 1 then 'null' when 2 then '-5' else dwell::varchar end || '}'
                when 'cart' then
                    '{"product_id":"' || product_id || '","product_name":' || product_json || ',"price":'
                    || case r2 // 8 % 500 when 0 then '"12,50 €"' else price::varchar end || '}'
                else
                    '{"order_id":"o' || i || '-' || k || '","total":' || case r2 // 8 % 400 when 0 then '"n/a"' when 1 then 'null' else (price * carts)::varchar end
                    || ',"currency":"EUR","product_id":"' || product_id || '","product_name":' || product_json || '}'
            end as properties,
            -- the visit's own numbers serve once more; a hash for each of its rows would cost too much
            mix(r + 7919) * 2147483648 + mix(r + 104723) as hd,
        from named
    ),

    -- what follows an order
    orders as (
        select
            *,
            i || '-' || k as order_key,
            '{"order_id":"o' || i || '-' || k || '"}' as order_properties,
            end_s + floor((2 + u(i || '-' || k, 'return_after') * 12) * 86400)::bigint as return_s,
            u(i || '-' || k, 'return') < 0.10 as is_returned,
            u(i || '-' || k, 'feedback') as u_feedback,
        from session
        where buys
    ),

    returns as (
        select i, user_id, 'e' || i || '.' || k || '.ret' as event_id, 'return_requested' as event_name, return_s as s, order_properties as properties
        from orders
        where is_returned
        union all
        select i, user_id, 'e' || i || '.' || k || '.ref', 'order_refunded', return_s + floor((0.5 + u(order_key, 'refund_after') * 9) * 86400)::bigint, order_properties
        from orders
        where is_returned and u(order_key, 'refund') < 0.72
        union all
        -- refunded out of goodwill, no return asked for
        select i, user_id, 'e' || i || '.' || k || '.gw', 'order_refunded', end_s + 86400 * 3, order_properties
        from orders
        where not is_returned and u(order_key, 'goodwill') < 0.01
    ),

    feedback as (
        select
            i,
            user_id,
            'e' || i || '.' || k || '.fb' as event_id,
            'feedback_submitted' as event_name,
            end_s + floor((1 + u(order_key, 'feedback_after') * 9) * 86400)::bigint as s,
            '{"score":' || pick(['10', '10', '10', '9', '9', '9', '9', '8', '8', '8', '7', '7', '6', '5', '3', '0', '"ten"', '9.5', 'null', '11'], u(order_key, 'score')) || '}' as properties,
        from orders
        where u_feedback < 0.12
    ),

    arrivals as (
        select i, user_id, 'e' || i || '.su' as event_id, 'signed_up' as event_name, signup_s as s, '{"method":"email"}' as properties
        from person
        where is_new_here and u(i, 'su') < 0.97
        union all
        select i, user_id, 'e' || i || '.ai', 'app_installed', signup_s + 30 + floor(u(i, 'install') * 3600)::bigint, '{"platform":"' || pick(['ios', 'android'], u(i, 'os')) || '"}'
        from person
        where is_new_here and has_app
        union all
        -- a new telephone
        select i, user_id, 'e' || i || '.ai2', 'app_installed', case
                when has_new_phone then getvariable('until_s') - 3600 - floor(u(i, 'reinstall_at') * 5 * 86400)
                else start_s + floor(u(i, 'reinstall_at') * (getvariable('until_s') - start_s))
            end::bigint, '{"platform":"' || pick(['ios', 'android'], u(i, 'os')) || '"}'
        from person
        where has_app and not is_new_here and (has_new_phone or u(i, 'reinstall') < 0.12)
    ),

    onboarded as (
        select
            i,
            user_id,
            signup_s + 90 + floor(u(i, 'onboarding_at') * u(i, 'onboarding_at') * 7200)::bigint as started_s,
            u(i, 'onboarding') as u_onboarding,
            u(i, 'onboarding_for') as u_for,
        from person
        where is_new_here and u(i, 'onboards') < 0.85
    ),

    onboarding as (
        select i, user_id, 'e' || i || '.os' as event_id, 'onboarding_started' as event_name, started_s as s, '{}' as properties
        from onboarded
        union all
        select
            i,
            user_id,
            'e' || i || '.oc',
            'onboarding_completed',
            -- most need minutes, some days, and a fifth never end it
            started_s + case when u_onboarding < 0.6 then 240 + floor(u_for * 1500) else 3600 + floor(u_for * u_for * 12 * 86400) end::bigint,
            '{}',
        from onboarded
        where u_onboarding < 0.8
    ),

    subscriptions as (
        select
            *,
            greatest(signup_s + 3600, start_s + floor((u(i, 'sub_at') * 1.6 - 0.6) * (getvariable('until_s') - start_s)))::bigint as sub_s,
            (getvariable('until_s') - floor(u(i, 'cancel_at') * 80 * 86400))::bigint as cancel_s,
        from person
        where subscribes
    ),

    subscribing as (
        select i, user_id, 'e' || i || '.ss' as event_id, 'subscription_started' as event_name, sub_s as s, '{"plan":"plus"}' as properties
        from subscriptions
        union all
        select i, user_id, 'e' || i || '.sc', 'subscription_cancelled', cancel_s, '{"reason":' || pick(['"price"', '"not used"', '"billing"', 'null', '"other"'], u(i, 'why')) || '}'
        from subscriptions
        where cancels and cancel_s > sub_s + 86400
        union all
        select i, user_id, 'e' || i || '.ss2', 'subscription_started', cancel_s + 5 * 86400 + floor(u(i, 'back_at') * 20 * 86400)::bigint, '{"plan":"plus"}'
        from subscriptions
        where cancels and cancel_s > sub_s + 86400 and u(i, 'back') < 0.25
        union all
        -- many who leave had trouble with a payment first
        select i, user_id, 'e' || i || '.pf', 'payment_failed', cancel_s - floor((1 + u(i, 'fail_before') * 20) * 86400)::bigint, '{"provider":"card"}'
        from subscriptions
        where cancels and cancel_s > sub_s + 86400 and u(i, 'failed') < 0.45
        union all
        select i, user_id, 'e' || i || '.pf' || n, 'payment_failed', start_s + floor(u(i || '-' || n, 'fail_at') * (getvariable('until_s') - start_s))::bigint, '{"provider":"card"}'
        from person
        cross join range(2) as t (n)
        where has_billing_trouble and (n = 0 or u(i, 'fails_twice') < 0.4)
    ),

    -- where they are: at home, on the way, or in a shop of their own city; and telephones that do not know
    ping_times as (
        select *, unnest(range(0, 1 + floor(u(i, 'pings') * 7)::integer)) as n from person where shares_location and has_app
    ),

    ping_draws as (
        select
            *,
            h(i || '-' || n, 'ping') as hp,
            h(i || '-' || n, 'where') as hw,
        from ping_times
    ),

    ping_places as (
        select
            ping_draws.*,
            case when n = 0 then getvariable('until_s') - 60 - floor(part(hp, 0) * 86000)::bigint else active_from_s + floor(part(hp, 0) * (active_to_s - active_from_s))::bigint end as ping_s,
            case
                when city_place.place_n is not null and part(hp, 1) < 0.5 then city_place.place_n
                when part(hp, 1) < 0.04 then floor(part(hp, 2) * (select count(*) from place))::bigint
            end as at_place,
        from ping_draws
        left join city_place
            on city_place.country = ping_draws.country and city_place.timezone = ping_draws.timezone and city_place.city_n = ping_draws.city_n
    ),

    pings as (
        select
            i,
            user_id,
            'e' || i || '.l' || ping_places.n as event_id,
            'location_ping' as event_name,
            ping_s as s,
            case floor(part(hw, 3) * 200)::integer
                when 0 then '{"latitude":"N/A","longitude":null}'
                when 1 then '{"latitude":95.2,"longitude":12.5}'
                when 2 then '{"latitude":0,"longitude":0}'
                when 3 then '{"longitude":13.4}'
                else
                    -- 0.0007 of a degree of latitude are 78 m: some are just outside
                    '{"latitude":'
                    || round(coalesce(place.latitude + (part(hw, 0) - 0.5) * 0.0007, ping_places.latitude + (part(hw, 0) - 0.5) * 0.12), 6)::decimal(9, 6)
                    || ',"longitude":'
                    || round(coalesce(place.longitude + (part(hw, 1) - 0.5) * 0.0009, ping_places.longitude + (part(hw, 1) - 0.5) * 0.16), 6)::decimal(9, 6) || '}'
            end as properties,
        from ping_places
        left join place on place.n = ping_places.at_place
        where tier <> 'sleeper' and (ping_places.n > 0 or part(hp, 3) < 0.45)
    ),

    other as (
        select * from returns
        union all
        select * from feedback
        union all
        select * from arrivals
        union all
        select * from onboarding
        union all
        select * from subscribing
        union all
        select * from pings
    ),

    event as (
        select * from visits
        union all
        select *, h(event_id, 'delivery') as hd from other where s < getvariable('until_s') and s >= getvariable('until_s') - 500 * 86400
    ),

    received as (
        select
            *,
            part(hd, 0) as u_mess,
            (s + case
                when part(hd, 1) < 0.007 then 86400 + floor(part(hd, 2) * 5 * 86400)
                when part(hd, 1) < 0.03 then 60 + floor(part(hd, 2) * 14400)
                else floor(part(hd, 2) * 4)
            end)::bigint as received_s,
        from event
    ),

    messed as (
        select
            i,
            case when u_mess between 0.00400 and 0.00415 then null else event_id end as event_id,
            case
                when u_mess between 0.00415 and 0.00430 then null
                when u_mess between 0.00430 and 0.00440 then ''
                -- nobody we know: visitors without an account, and accounts of another shop
                when u_mess between 0.00440 and 0.00500 then case when i % 2 = 0 then 'guest-' || i else 'x' || lpad(i::varchar, 6, '0') end
                else user_id
            end as user_id,
            case when u_mess between 0.00500 and 0.00515 then null when u_mess between 0.00515 and 0.00600 then 'wishlist_shared' else event_name end as event_name,
            case
                when u_mess between 0.00600 and 0.00615 then null
                when u_mess between 0.00615 and 0.00635 then timestamp '2099-12-31 23:59:59' - to_days((i % 300)::integer)
                else ts(s)
            end as occurred_at,
            case when u_mess between 0.00635 and 0.00700 then null else ts(received_s) end as received_at,
            case
                when u_mess between 0.00700 and 0.00725 then left(properties, 12)
                when u_mess between 0.00725 and 0.00740 then '[' || properties || ']'
                when u_mess between 0.00740 and 0.00750 then '"' || event_name || '"'
                when u_mess between 0.00750 and 0.00760 then 'undefined'
                when u_mess between 0.00760 and 0.00800 then null
                when u_mess between 0.00800 and 0.00820 then ''
                else properties
            end as properties,
            s,
            received_s,
            u_mess,
        from received
    )

select
    i,
    s,
    0 as delivery,
    u_mess,
    received_s,
    event_id,
    user_id,
    event_name,
    occurred_at,
    received_at,
    properties,
    greatest((received_s // 86400)::bigint, getvariable('bulk_day')) as landed_day,
from messed
where received_s < getvariable('until_s');


-- at least once: the same event again, one to three days later; or in one and the same file
insert into delivered_event
with
    again as (
        select * replace (received_s + 86400 + i % 172800 as received_s, 1 as delivery) from delivered_event where u_mess < 0.003
    )

select * replace (ts(received_s) as received_at, greatest((received_s // 86400)::bigint, getvariable('bulk_day')) as landed_day)
from again
where received_s < getvariable('until_s')
union all by name
select * replace (2 as delivery) from delivered_event where u_mess between 0.003 and 0.0034;
