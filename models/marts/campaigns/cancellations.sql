{{ config(tags=["cancellations"]) }}

{#-
    Built by `sendworthy cancellations`, which takes a night's gates at its own time; nowhere else is anything in question.
    Which reasons take a message back stands in seeds/reasons.csv. Two segments never do: who is slow depends on the median of
    all users, whom nobody has counted since the night.
-#}
{%- set wait_for_the_night = ["excluded:slow_onboarding", "excluded:churn_risk"] -%}

with
    dispatches as ({{ dispatches_in_question() }}),

    gates as (select * from {{ ref("int_campaigns__gates") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    taking_back as (
        select {{ ordered_list("reason", "reason_number") }} as codes
        from {{ ref("reasons") }}
        where takes_back
    ),

    facts as (
        select
            dispatches.*,
            coalesce(gates.reasons, {{ empty_list() }}) as gate_reasons,
            taking_back.codes as taking_back,
            gates.address_key as address_key_now,
            erased.user_id is not null as is_erased
        from dispatches
        cross join taking_back
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
                        list_without(
                            filter_list(
                                "gate_reasons", list_has("taking_back", "split_part(item, ':', 1)")
                            ),
                            wait_for_the_night,
                        ),
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
