-- SendGrid's Event Webhook: a JSON array of events a POST, or one event a line. Custom arguments stand
-- beside the fields of SendGrid itself; older senders call the object around them unique_args.
create or replace temp table reports as
select
    coalesce(nullif(trim(doc ->> '$.sg_event_id'), ''), md5(doc)) as event_id,
    doc ->> '$.event' as event,
    case doc ->> '$.event' when 'bounce' then doc ->> '$.type' when 'dropped' then doc ->> '$.reason' end as qualifier,
    doc ->> '$.timestamp' as occurred,
    cast(null as text) as channel,
    coalesce(doc ->> '$.sendworthy_dispatch_id', doc ->> '$.unique_args.sendworthy_dispatch_id') as dispatch_id,
    coalesce(doc ->> '$.sendworthy_user_id', doc ->> '$.unique_args.sendworthy_user_id') as user_id,
    coalesce(doc ->> '$.sendworthy_campaign_id', doc ->> '$.unique_args.sendworthy_campaign_id') as campaign_id,
    coalesce(doc ->> '$.sendworthy_variant', doc ->> '$.unique_args.sendworthy_variant') as variant,
    doc ->> '$.marketing_campaign_id' as esp_campaign_id,
    doc ->> '$.marketing_campaign_name' as esp_campaign_name,
    doc ->> '$.email' as address,
    doc ->> '$.sg_machine_open' as is_machine
from documents
