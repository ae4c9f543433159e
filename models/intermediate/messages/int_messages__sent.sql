with
    reports as (select * from {{ ref("int_messages__reports") }}),

    addressed as (select * from {{ ref("int_messages__addressed") }}),

    dispatches as (select * from {{ ref("int_messages__dispatches") }}),

    -- two nights of one date dispatch under one id; one that is not yet due counts too
    dispatched as (
        select
            user_id,
            'dispatch:' || dispatch_id as message_id,
            max(campaign_id) as campaign_id,
            max(channel) as channel,
            max(address_hash) as address_hash,
            max(send_at) as sent_at,
            max(as_of) as dispatched_as_of,
            max(case when is_taken_back then 1 else 0 end) = 1 as is_taken_back
        from dispatches
        group by user_id, 'dispatch:' || dispatch_id
    ),

    named as (
        select
            user_id,
            message_event_id,
            -- an id that is not of our own ledger may be that of several mailings, or a word for none
            case
                when dispatch_id in (select dispatch_id from dispatches)
                then 'dispatch:' || dispatch_id
                when dispatch_id is not null
                then 'dispatch:' || dispatch_id || ':' || coalesce(campaign_id, '') || ':' || channel
                else 'report:' || message_event_id || ':' || channel
            end as message_id,
            -- several reports may have one id
            message_event_id || ':' || user_id || ':' || channel as row_id,
            campaign_id,
            channel,
            occurred_at
        from reports
        where event_type = 'sent'
    ),

    -- a message that is reported twice under one dispatch is one message, sent when it was last reported.
    -- Whose it is, and of which campaign and channel, our own ledger knows better than a report
    reported as (
        select
            coalesce(dispatched.user_id, named.user_id) as user_id,
            named.message_id,
            {{ newest("named.campaign_id", "named.occurred_at", "named.row_id", "true") }} as campaign_id,
            {{ newest("named.channel", "named.occurred_at", "named.row_id", "true") }} as channel,
            {{ newest("addressed.address_hash", "named.occurred_at", "named.row_id", "true") }}
            as address_hash,
            max(named.occurred_at) as sent_at
        from named
        left join dispatched on named.message_id = dispatched.message_id
        left join
            addressed
            on named.message_event_id = addressed.message_event_id
            and named.user_id = addressed.user_id
            and named.channel = addressed.channel
            and addressed.event_type = 'sent'
        group by coalesce(dispatched.user_id, named.user_id), named.message_id
    ),

    -- what is reported is confirmed, and the report's time counts
    final as (
        select
            coalesce(reported.user_id, dispatched.user_id) as user_id,
            coalesce(reported.message_id, dispatched.message_id) as message_id,
            coalesce(dispatched.campaign_id, reported.campaign_id) as campaign_id,
            coalesce(dispatched.channel, reported.channel) as channel,
            coalesce(reported.address_hash, dispatched.address_hash) as address_hash,
            -- nothing goes out before the night that dispatched it
            case
                when reported.sent_at < dispatched.dispatched_as_of
                then dispatched.sent_at
                else coalesce(reported.sent_at, dispatched.sent_at)
            end as sent_at,
            reported.message_id is not null as is_confirmed,
            case when not dispatched.is_taken_back then dispatched.dispatched_as_of end as dispatched_as_of
        from reported
        full outer join
            dispatched
            on reported.user_id = dispatched.user_id
            and reported.message_id = dispatched.message_id
        -- what was taken back counts only where it went out all the same
        where reported.message_id is not null or not dispatched.is_taken_back
    )

select *
from final
