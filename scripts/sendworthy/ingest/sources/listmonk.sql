-- listmonk: the bounces of /api/bounces, or rows of its tables (docs/ingest-reports.md has the query)
-- as CSV or JSON: id, type (hard, soft, complaint, view, click), email, user_id, campaign_id,
-- campaign_name, created_at.
create or replace temp table reports as
with
    rows_of as (
        select unnest(cast(doc -> '$.data.results' as json[])) as item
        from documents
        where json_type(doc -> '$.data.results') = 'ARRAY'
        union all
        select doc as item
        from documents
        where json_type(doc -> '$.data.results') is distinct from 'ARRAY'
    )

select
    -- bounces, views and clicks are numbered in tables of their own
    case when (item ->> '$.type') in ('view', 'click') then (item ->> '$.type') || ':' else 'bounce:' end
    || coalesce(nullif(trim(item ->> '$.id'), ''), md5(item)) as event_id,
    item ->> '$.type' as event,
    cast(null as text) as qualifier,
    item ->> '$.created_at' as occurred,
    cast(null as text) as channel,
    item ->> '$.dispatch_id' as dispatch_id,
    item ->> '$.user_id' as user_id,
    cast(null as text) as campaign_id,
    item ->> '$.variant' as variant,
    coalesce(item ->> '$.campaign.id', item ->> '$.campaign_id') as esp_campaign_id,
    coalesce(item ->> '$.campaign.name', item ->> '$.campaign_name') as esp_campaign_name,
    item ->> '$.email' as address,
    cast(null as text) as is_machine
from rows_of
