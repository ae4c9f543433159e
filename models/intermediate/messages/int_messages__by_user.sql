with
    sent as (select * from {{ ref("int_messages__sent") }}),

    by_user_channel as (select * from {{ ref("int_messages__by_user_channel") }}),

    -- no upper bound: a dispatch that is not yet due counts as sent
    sends as (
        select
            user_id,
            count(case when sent_at >= {{ days_before(as_of(), 7) }} then 1 end) as sends_7,
            count(case when sent_at >= {{ days_before(as_of(), 30) }} then 1 end) as sends_30,
            count(case when sent_at >= {{ days_before(as_of(), 90) }} then 1 end) as sends_90
        from sent
        group by user_id
    ),

    engagement as (
        select user_id, max(last_opened_at) as last_opened_at, max(last_engaged_at) as last_engaged_at
        from by_user_channel
        group by user_id
    ),

    final as (
        select
            coalesce(sends.user_id, engagement.user_id) as user_id,
            coalesce(sends.sends_7, 0) as sends_7,
            coalesce(sends.sends_30, 0) as sends_30,
            coalesce(sends.sends_90, 0) as sends_90,
            engagement.last_opened_at,
            engagement.last_engaged_at
        from sends
        full outer join engagement on sends.user_id = engagement.user_id
    )

select *
from final
