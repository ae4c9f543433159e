-- Klaviyo's events: pages of the Events API, asked for with include=metric,profile (the name of the
-- event and the person stand in `included`), or flat events as the older API and its export tools write
-- them (event_name and person in the event itself).
create or replace temp table reports as
with
    pages as (select row_number() over () as page, doc from documents),

    included as (
        select page, unnest(cast(doc -> '$.included' as json[])) as item
        from pages
        where json_type(doc -> '$.included') = 'ARRAY'
    ),

    named as (
        select page, item ->> '$.type' as kind, item ->> '$.id' as id, any_value(item -> '$.attributes') as attributes
        from included
        group by page, item ->> '$.type', item ->> '$.id'
    ),

    events as (
        select page, unnest(cast(doc -> '$.data' as json[])) as item from pages where json_type(doc -> '$.data') = 'ARRAY'
        union all
        select page, doc -> '$.data' as item from pages where json_type(doc -> '$.data') = 'OBJECT'
        union all
        select page, doc as item from pages where coalesce(json_type(doc -> '$.data'), '') not in ('ARRAY', 'OBJECT')
    ),

    flat as (
        select
            events.item,
            coalesce(metrics.attributes ->> '$.name', events.item ->> '$.event_name') as event,
            coalesce(events.item -> '$.attributes', events.item) as attributes,
            coalesce(
                events.item -> '$.attributes.event_properties', events.item -> '$.event_properties'
            ) as properties,
            coalesce(profiles.attributes, events.item -> '$.person') as person
        from events
        left join
            named as metrics
            on events.page = metrics.page
            and metrics.kind = 'metric'
            and (events.item ->> '$.relationships.metric.data.id') = metrics.id
        left join
            named as profiles
            on events.page = profiles.page
            and profiles.kind = 'profile'
            and (events.item ->> '$.relationships.profile.data.id') = profiles.id
    )

select
    coalesce(
        nullif(trim(attributes ->> '$.uuid'), ''),
        nullif(trim(item ->> '$.uuid'), ''),
        nullif(trim(item ->> '$.id'), ''),
        md5(item)
    ) as event_id,
    event,
    coalesce(properties ->> '$."Bounce Type"', properties ->> '$.bounce_type') as qualifier,
    coalesce(attributes ->> '$.datetime', attributes ->> '$.timestamp') as occurred,
    cast(null as text) as channel,
    properties ->> '$.sendworthy_dispatch_id' as dispatch_id,
    coalesce(person ->> '$.external_id', properties ->> '$.sendworthy_user_id') as user_id,
    properties ->> '$.sendworthy_campaign_id' as campaign_id,
    properties ->> '$.sendworthy_variant' as variant,
    properties ->> '$."$message"' as esp_campaign_id,
    properties ->> '$."Campaign Name"' as esp_campaign_name,
    -- a message that was not e-mail went to the phone or the device; the person stands for both
    case when event ilike '%sms%' then person ->> '$.phone_number' else person ->> '$.email' end as address,
    coalesce(
        properties ->> '$.machine_open', properties ->> '$."Machine Open"', properties ->> '$."Apple Privacy Open"'
    ) as is_machine
from flat
