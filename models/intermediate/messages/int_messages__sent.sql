with
    reports as (select * from {{ ref("int_messages__reports") }}),

    addressed as (select * from {{ ref("int_messages__addressed") }}),

    dispatches as (select * from {{ ref("stg_ledger__dispatches") }}),

    cancellations as (select * from {{ ref("stg_ledger__cancellations") }}),

    -- a message that is reported twice under one dispatch is one message, sent when it was last reported
    reported as (
        select
            reports.user_id,
            coalesce('dispatch:' || reports.dispatch_id, 'report:' || reports.message_event_id) as message_id,
            max(reports.campaign_id) as campaign_id,
            max(reports.channel) as channel,
            max(addressed.address_hash) as address_hash,
            max(reports.occurred_at) as sent_at
        from reports
        left join
            addressed
            on reports.message_event_id = addressed.message_event_id
            and addressed.event_type = 'sent'
        where reports.event_type = 'sent'
        group by
            reports.user_id,
            coalesce('dispatch:' || reports.dispatch_id, 'report:' || reports.message_event_id)
    ),

    taken_back as (select distinct dispatch_id from cancellations where cancelled_at < {{ as_of() }}),

    -- ours, of the nights before this one; one not yet due counts too, one that was taken back does not
    dispatched as (
        select
            dispatches.user_id,
            'dispatch:' || dispatches.dispatch_id as message_id,
            max(dispatches.campaign_id) as campaign_id,
            max(dispatches.channel) as channel,
            max(dispatches.address_hash) as address_hash,
            max(dispatches.send_at) as sent_at,
            max(dispatches.as_of) as dispatched_as_of
        from dispatches
        left join taken_back on dispatches.dispatch_id = taken_back.dispatch_id
        where dispatches.as_of < {{ as_of() }} and taken_back.dispatch_id is null
        group by dispatches.user_id, 'dispatch:' || dispatches.dispatch_id
    ),

    -- what is reported is confirmed, and the report's time counts; one that names the dispatch but not the
    -- campaign still tells of that campaign
    final as (
        select
            coalesce(reported.user_id, dispatched.user_id) as user_id,
            coalesce(reported.message_id, dispatched.message_id) as message_id,
            coalesce(reported.campaign_id, dispatched.campaign_id) as campaign_id,
            coalesce(reported.channel, dispatched.channel) as channel,
            coalesce(reported.address_hash, dispatched.address_hash) as address_hash,
            coalesce(reported.sent_at, dispatched.sent_at) as sent_at,
            reported.message_id is not null as is_confirmed,
            dispatched.dispatched_as_of
        from reported
        full outer join
            dispatched
            on reported.user_id = dispatched.user_id
            and reported.message_id = dispatched.message_id
    )

select *
from final
