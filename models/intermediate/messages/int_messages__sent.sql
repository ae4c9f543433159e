with
    reports as (select * from {{ ref("int_messages__reports") }}),

    dispatches as (select * from {{ ref("stg_ledger__dispatches") }}),

    sent_reports as (select * from reports where event_type = 'sent'),

    -- a message that is reported twice under one dispatch is one message, sent when it was last reported
    reported as (
        select
            user_id,
            coalesce('dispatch:' || dispatch_id, 'report:' || message_event_id) as message_id,
            max(campaign_id) as campaign_id,
            max(channel) as channel,
            max(occurred_at) as sent_at,
        from sent_reports
        group by user_id, coalesce('dispatch:' || dispatch_id, 'report:' || message_event_id)
    ),

    -- ours, of the nights before this one, that no report has confirmed yet; one not yet due counts too
    unconfirmed as (
        select
            dispatches.user_id,
            'dispatch:' || dispatches.dispatch_id as message_id,
            dispatches.campaign_id,
            dispatches.channel,
            dispatches.send_at as sent_at,
        from dispatches
        left join
            reported
            on dispatches.user_id = reported.user_id
            and 'dispatch:' || dispatches.dispatch_id = reported.message_id
        where dispatches.as_of < {{ as_of() }} and reported.message_id is null
    ),

    final as (
        select user_id, message_id, campaign_id, channel, sent_at, true as is_confirmed
        from reported
        union all
        select user_id, message_id, campaign_id, channel, sent_at, false as is_confirmed
        from unconfirmed
    )

select *
from final
