{#-
    Whether each message comes at its time, worked out again from the events, the ledger and the settings: what triggers it is old
    enough and not too old when it is due, nothing has happened since that it must not follow, and its campaign rests long enough.
-#}
{{ config(schema="audit", materialized="view") }}

with
    messages as (select distinct user_id, campaign_id, send_at, valid_until from {{ ref("send_list") }}),

    night as (select * from {{ ref("int_nights__as_of") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    features as (select * from {{ ref("int_customers__features") }}),

    events as (select * from {{ ref("int_events__with_messages") }}),

    dispatches as (select * from {{ ref("int_messages__dispatches") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    triggered as (
        select
            messages.user_id,
            messages.campaign_id,
            messages.send_at,
            messages.valid_until,
            max(events.occurred_at) as trigger_at
        from messages
        cross join night
        inner join campaigns on messages.campaign_id = campaigns.campaign_id
        inner join
            events
            on messages.user_id = events.user_id
            and campaigns.trigger_event = events.event_name
            and events.occurred_at >= {{ days_before("night.as_of", 90) }}
            and events.occurred_at <= {{ add_seconds("night.as_of", "-1 * campaigns.min_age_seconds") }}
        group by messages.user_id, messages.campaign_id, messages.send_at, messages.valid_until
    ),

    -- the step before, as far as the ledger knows it, says when the journey began
    steps_before as (
        select
            triggered.user_id,
            triggered.campaign_id,
            triggered.trigger_at,
            dispatches.journey_started_at as started_at,
            row_number() over (
                partition by triggered.user_id, triggered.campaign_id
                order by
                    case when dispatches.send_at <= triggered.trigger_at then 0 else 1 end,
                    case
                        when dispatches.send_at <= triggered.trigger_at
                        then dispatches.send_at
                        else dispatches.as_of
                    end desc,
                    dispatches.dispatch_id desc
            ) as step_number
        from triggered
        inner join campaigns on triggered.campaign_id = campaigns.campaign_id
        inner join
            dispatches
            on triggered.user_id = dispatches.user_id
            and campaigns.trigger_event like 'message!_%:' || dispatches.campaign_id escape '!'
            and dispatches.as_of <= triggered.trigger_at
            and not dispatches.is_taken_back
    ),

    dated as (
        select
            messages.*,
            night.as_of,
            campaigns.trigger_event,
            campaigns.is_aged_from_signup,
            campaigns.min_age_seconds,
            campaigns.max_age_seconds,
            campaigns.cooldown_days,
            campaigns.cancel_on,
            triggered.trigger_at,
            case
                when campaigns.is_aged_from_signup then features.signed_up_at else triggered.trigger_at
            end as age_from,
            coalesce(steps_before.started_at, triggered.trigger_at) as counts_from
        from messages
        cross join night
        left join campaigns on messages.campaign_id = campaigns.campaign_id
        left join features on messages.user_id = features.user_id
        left join
            triggered
            on messages.user_id = triggered.user_id
            and messages.campaign_id = triggered.campaign_id
            and messages.send_at is not distinct from triggered.send_at
            and messages.valid_until is not distinct from triggered.valid_until
        left join
            steps_before
            on messages.user_id = steps_before.user_id
            and messages.campaign_id = steps_before.campaign_id
            and steps_before.step_number = 1
    ),

    final as (
        select
            dated.user_id,
            dated.campaign_id,
            dated.send_at,
            dated.valid_until,
            {{
                has(
                    "dated.send_at >= "
                    ~ add_seconds("dated.as_of", 3600 * var("delivery_hours"))
                    ~ " and dated.send_at < "
                    ~ add_seconds("dated.as_of", 3600 * var("delivery_hours") + 2 * 86400)
                )
            }} as is_due,
            -- not expired when it is due, and valid no longer than its trigger and its day allow
            {{ has("dated.valid_until >= dated.send_at") }}
            and {{ has("dated.valid_until <= " ~ add_seconds("dated.send_at", 86400)) }}
            and (
                dated.max_age_seconds is null
                or (dated.trigger_event is null and not {{ has("dated.is_aged_from_signup") }})
                or {{ has("dated.valid_until <= " ~ add_seconds("dated.age_from", "dated.max_age_seconds")) }}
            ) as is_unexpired,
            -- a trigger there is, and it is old enough; so is a sign-up
            case
                when dated.trigger_event is not null
                then dated.trigger_at is not null
                when {{ has("dated.is_aged_from_signup") }}
                then
                    {{
                        has(
                            "dated.age_from <= " ~ add_seconds("dated.as_of", "-1 * dated.min_age_seconds")
                        )
                    }}
                else dated.cooldown_days is not null
            end as is_old_enough,
            not exists (
                select 1
                from events
                where
                    events.user_id = dated.user_id
                    and {{ list_has("dated.cancel_on", "events.event_name") }}
                    and events.occurred_until
                    >= coalesce(dated.counts_from, {{ days_before("dated.as_of", "dated.cooldown_days") }})
            ) as is_not_overtaken,
            exists (
                select 1
                from sent
                where
                    sent.user_id = dated.user_id
                    and sent.campaign_id = dated.campaign_id
                    and {{ within_days_of_sending("sent.sent_at", "dated.cooldown_days", "dated.send_at") }}
            ) as is_in_cooldown
        from dated
    )

select *
from final
