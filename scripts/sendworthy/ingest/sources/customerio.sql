-- Customer.io's reporting webhooks: one JSON object an event. object_type and metric together are the
-- event, as Customer.io itself writes it (email_opened). The ids of its four kinds of sendings are
-- numbers of their own: the kind stands before. Preferences that are not all a clear yes may hold an
-- opt-out of a topic.
create or replace temp table reports as
select
    coalesce(nullif(trim(doc ->> '$.event_id'), ''), md5(doc)) as event_id,
    (doc ->> '$.object_type') || '_' || (doc ->> '$.metric') as event,
    case
        when
            doc ->> '$.metric' = 'cio_subscription_preferences_changed'
            and not coalesce(
                regexp_full_match(
                    cast(coalesce(doc -> '$.data.topics', try_cast(doc ->> '$.data.content' as json) -> '$.topics') as text),
                    '[{]("[^"]*":true,?)+[}]'
                ),
                false
            )
        then 'opted_out'
    end as qualifier,
    doc ->> '$.timestamp' as occurred,
    cast(null as text) as channel,
    cast(null as text) as dispatch_id,
    coalesce(doc ->> '$.data.identifiers.id', doc ->> '$.data.customer_id') as user_id,
    cast(null as text) as campaign_id,
    cast(null as text) as variant,
    coalesce(
        'campaign:' || (doc ->> '$.data.campaign_id'),
        'broadcast:' || (doc ->> '$.data.broadcast_id'),
        'newsletter:' || (doc ->> '$.data.newsletter_id'),
        'transactional:' || (doc ->> '$.data.transactional_message_id')
    ) as esp_campaign_id,
    cast(null as text) as esp_campaign_name,
    coalesce(doc ->> '$.data.recipient', doc ->> '$.data.email_address', doc ->> '$.data.identifiers.email') as address,
    cast(null as text) as is_machine
from documents
