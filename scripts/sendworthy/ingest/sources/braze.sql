-- Braze Currents, in the three shapes that Braze writes: Avro in storage (flat, an event type a
-- folder), the same decoded to JSON (a value that may be missing is {"string": ...}), and the events of
-- an HTTP connector (properties and user are objects). dispatch_id is Braze's own word for one
-- transmission; ours comes in the message extras of a Send.
create or replace temp macro braze_value(doc, name) as coalesce(
    doc ->> ('$.properties.' || name), doc ->> ('$.user.' || name), doc ->> ('$.' || name || '.string'), doc ->> ('$.' || name)
);

create or replace temp table reports as
with
    flat as (
        select
            coalesce(nullif(trim(doc ->> '$.id'), ''), md5(doc)) as event_id,
            coalesce(
                doc ->> '$.event_type',
                nullif(regexp_extract(file, 'event_type=([^/]+)', 1), ''),
                nullif(regexp_extract(file, '((users[.])?messages[.][a-z]+[.][A-Za-z]+)[^/]*$', 1), '')
            ) as event,
            doc ->> '$.time' as occurred,
            -- of an answer to a text message, `action` is what Braze has made of it (Subscribed,
            -- Unsubscribed, None)
            coalesce(braze_value(doc, 'subscription_status'), braze_value(doc, 'action')) as qualifier,
            braze_value(doc, 'channel') as channel,
            braze_value(doc, 'message_extras') as message_extras,
            braze_value(doc, 'external_user_id') as user_id,
            braze_value(doc, 'campaign_id') as campaign_id,
            braze_value(doc, 'campaign_name') as campaign_name,
            braze_value(doc, 'canvas_step_id') as canvas_step_id,
            braze_value(doc, 'canvas_step_name') as canvas_step_name,
            coalesce(
                braze_value(doc, 'email_address'),
                braze_value(doc, 'to_phone_number'),
                braze_value(doc, 'phone_number'),
                braze_value(doc, 'inbound_phone_number'),
                braze_value(doc, 'channel_identifier')
            ) as address,
            braze_value(doc, 'machine_open') as is_machine
        from documents
    ),

    extras as (
        select *, case when json_valid(message_extras) then cast(message_extras as json) end as given from flat
    )

select
    event_id,
    case when event like 'users.%' then event else 'users.' || event end as event,
    qualifier,
    occurred,
    channel,
    given ->> '$.sendworthy_dispatch_id' as dispatch_id,
    user_id,
    given ->> '$.sendworthy_campaign_id' as campaign_id,
    given ->> '$.sendworthy_variant' as variant,
    -- a message of a Canvas is one of its steps
    coalesce(campaign_id, canvas_step_id) as esp_campaign_id,
    coalesce(campaign_name, canvas_step_name) as esp_campaign_name,
    address,
    is_machine
from extras
