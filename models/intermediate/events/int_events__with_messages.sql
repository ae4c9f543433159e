{{ config(materialized="view") }}

{#- Wherever a setting names an event, it may name a report on a message too: that is how a journey is written. -#}
with
    events as (select * from {{ ref("int_events__visible") }}),

    reports as (select * from {{ ref("int_messages__reports") }}),

    dispatches as (
        select dispatch_id, max(user_id) as user_id, max(campaign_id) as campaign_id
        from {{ ref("int_messages__dispatches") }}
        group by dispatch_id
    ),

    -- a report is about whom and what it names, and about whose message it was, and of which campaign, by
    -- our own ledger
    about as (
        select user_id, campaign_id, event_type, occurred_at, occurred_until
        from reports
        union all
        select
            dispatches.user_id,
            dispatches.campaign_id,
            reports.event_type,
            reports.occurred_at,
            reports.occurred_until
        from reports
        inner join dispatches on reports.dispatch_id = dispatches.dispatch_id
        where
            reports.user_id <> dispatches.user_id
            or coalesce(reports.campaign_id, '') <> dispatches.campaign_id
    ),

    final as (
        select user_id, event_name, occurred_at, occurred_until
        from events
        union all
        select
            user_id, 'message_' || event_type || ':' || campaign_id as event_name, occurred_at, occurred_until
        from about
        where campaign_id is not null
    )

select *
from final
