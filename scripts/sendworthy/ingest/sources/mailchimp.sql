-- Mailchimp's reports of a campaign, as the Marketing API gives them: email-activity (emails),
-- open-details (members), unsubscribed (unsubscribes), abuse-reports (abuse_reports) and sent-to
-- (sent_to). Events have no ids of their own. An opening has one id in both reports that have it, so
-- that it is one event.
create or replace temp table reports as
with
    members as (
        select 'emails' as list, unnest(cast(doc -> '$.emails' as json[])) as member
        from documents
        where json_type(doc -> '$.emails') = 'ARRAY'
        union all
        select 'members' as list, unnest(cast(doc -> '$.members' as json[])) as member
        from documents
        where json_type(doc -> '$.members') = 'ARRAY'
        union all
        select 'unsubscribe' as list, unnest(cast(doc -> '$.unsubscribes' as json[])) as member
        from documents
        where json_type(doc -> '$.unsubscribes') = 'ARRAY'
        union all
        select 'abuse' as list, unnest(cast(doc -> '$.abuse_reports' as json[])) as member
        from documents
        where json_type(doc -> '$.abuse_reports') = 'ARRAY'
        union all
        select 'sent_to' as list, unnest(cast(doc -> '$.sent_to' as json[])) as member
        from documents
        where json_type(doc -> '$.sent_to') = 'ARRAY'
        union all
        -- something else: a report without an event, which is counted as such
        select null as list, doc as member
        from documents
        where
            not list_contains(
                json_type(doc, ['$.emails', '$.members', '$.unsubscribes', '$.abuse_reports', '$.sent_to']), 'ARRAY'
            )
    ),

    activities as (
        select list, member, unnest(cast(member -> '$.activity' as json[])) as item
        from members
        where list = 'emails' and json_type(member -> '$.activity') = 'ARRAY'
        union all
        -- a single one stands alone; whatever else it is, it is a report without an event
        select list, member, member -> '$.activity' as item
        from members
        where list = 'emails' and json_type(member -> '$.activity') <> 'ARRAY'
        union all
        select list, member, unnest(cast(member -> '$.opens' as json[])) as item
        from members
        where list = 'members' and json_type(member -> '$.opens') = 'ARRAY'
        union all
        select list, member, member as item
        from members
        where
            list not in ('emails', 'members')
            or list is null
            or (list = 'members' and json_type(member -> '$.opens') is distinct from 'ARRAY')
    ),

    flat as (
        select
            member,
            item,
            case
                when list = 'emails' then item ->> '$.action'
                when list <> 'members' then list
                when json_type(member -> '$.opens') = 'ARRAY' then 'open'
            end as event,
            coalesce(item ->> '$.timestamp', item ->> '$.date') as occurred
        from activities
    )

select
    md5(
        to_json([
            member ->> '$.campaign_id',
            coalesce(member ->> '$.email_id', lower(member ->> '$.email_address')),
            event,
            item ->> '$.type',
            occurred,
            item ->> '$.url'
        ])
    ) as event_id,
    event,
    item ->> '$.type' as qualifier,
    occurred,
    cast(null as text) as channel,
    cast(null as text) as dispatch_id,
    cast(null as text) as user_id,
    cast(null as text) as campaign_id,
    cast(null as text) as variant,
    member ->> '$.campaign_id' as esp_campaign_id,
    cast(null as text) as esp_campaign_name,
    member ->> '$.email_address' as address,
    item ->> '$.is_proxy_open' as is_machine
from flat
