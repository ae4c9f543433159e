with
    sent as (select * from {{ ref("int_messages__sent") }}),

    cancellations as (select * from {{ ref("stg_ledger__cancellations") }}),

    -- what was taken back may go out on another day, never under the same dispatch_id
    taken_back as (
        select user_id, campaign_id, as_of
        from cancellations
        where cast(as_of as date) = cast({{ as_of() }} as date)
    ),

    messages as (
        select user_id, campaign_id, sent_at, dispatched_as_of
        from sent
        where campaign_id is not null
        union all
        select user_id, campaign_id, cast(null as timestamp) as sent_at, as_of as dispatched_as_of
        from taken_back
    ),

    final as (
        select
            user_id, campaign_id, max(sent_at) as last_sent_at, max(dispatched_as_of) as last_dispatched_as_of
        from messages
        group by user_id, campaign_id
    )

select *
from final
