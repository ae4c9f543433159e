{{ config(tags=["cancellations"]) }}

{#-
    Built by `sendworthy cancellations`, which takes a night's gates at its own time; nowhere else is anything in question.
    What the gates say of time, of merge fields and of experiments was decided when the message was, and is no reason to take
    it back; and who is slow depends on the median of all, whom nobody has counted since the night.
-#}
{%- set no_news = [
    "signup_unknown",
    "too_soon",
    "too_late",
    "cooldown",
    "incomplete_personalization",
    "outside_pilot",
    "holdout",
    "excluded:slow_onboarding",
    "excluded:churn_risk",
] -%}

with
    dispatches as ({{ dispatches_in_question() }}),

    gates as (select * from {{ ref("int_campaigns__gates") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    facts as (
        select
            dispatches.*,
            gates.reasons as gate_reasons,
            gates.address_key as address_key_now,
            erased.user_id is not null as is_erased
        from dispatches
        left join gates on dispatches.user_id = gates.user_id and dispatches.campaign_id = gates.campaign_id
        left join erased on dispatches.user_id = erased.user_id
    ),

    -- a night of an older version could list what expired before it was due
    judged as (
        select
            *,
            {{
                joined_lists(
                    [
                        list_of(
                            [
                                "case when valid_until < send_at then 'expired' end",
                                "case when is_erased then 'erased' end",
                                "case when address_key_now <> address_key then 'address_changed' end",
                            ]
                        ),
                        list_without("coalesce(gate_reasons, " ~ empty_list() ~ ")", no_news),
                    ]
                )
            }} as reasons
        from facts
    ),

    final as (
        select
            as_of, dispatch_id, campaign_id, user_id, channel, send_at, {{ as_of() }} as cancelled_at, reasons
        from judged
        where {{ list_size("reasons") }} > 0
    )

select *
from final
