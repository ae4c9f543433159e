{#- Few lists of reasons stand for many decisions: the distinct ones are taken apart. -#}
with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    combinations as (
        select distinct campaign_id, {{ list_text("reasons") }} as reasons_text, reasons from decisions
    ),

    listed as (
        {{
            unnest_with_position(
                "combinations", ["campaign_id", "reasons_text"], "reasons", "reason", "position"
            )
        }}
    ),

    exclusions as (
        {{
            unnest_with_position(
                "campaigns", ["campaign_id"], "excluded_segments", "segment", "setting_position"
            )
        }}
    ),

    exceptions as (
        {{
            unnest_with_position(
                "campaigns", ["campaign_id"], "cancel_on", "event_name", "setting_position"
            )
        }}
    ),

    placed as (
        select
            listed.campaign_id,
            listed.reasons_text,
            listed.reason,
            listed.position,
            -- the order of the gates; the exclusions and the exceptions among themselves in the setting's
            -- order
            case
                {%- for table in unreadable_tables() %}
                    when listed.reason = 'unreadable:{{ table }}' then {{ loop.index }}
                {%- endfor %}
                when listed.reason = 'unreachable'
                then 100
                when listed.reason = 'hard_bounced'
                then 200
                when listed.reason = 'complained'
                then 201
                when listed.reason = 'channel_opt_out'
                then 300
                when listed.reason = 'consent_unknown'
                then 301
                when listed.reason = 'topic_opt_out'
                then 302
                when listed.reason = 'globally_suppressed'
                then 400
                when exclusions.segment is not null
                then 1000 + exclusions.setting_position
                when exceptions.event_name is not null
                then 2000 + exceptions.setting_position
                when listed.reason = 'signup_unknown'
                then 3000
                when listed.reason = 'too_soon'
                then 3001
                when listed.reason = 'too_late'
                then 3002
                when listed.reason = 'cooldown'
                then 3100
                when listed.reason = 'incomplete_personalization'
                then 3200
                when listed.reason = 'outside_pilot'
                then 3300
                when listed.reason = 'holdout'
                then 3301
                -- arbitration knows only those who passed every gate
                when
                    listed.reason in ('duplicate_address', 'same_content', 'channel_cap', 'total_cap')
                    and listed.reason = listed.reasons_text
                then 4000
            end as place
        from listed
        left join
            exclusions
            on listed.campaign_id = exclusions.campaign_id
            and listed.reason = 'excluded:' || exclusions.segment
        left join
            exceptions
            on listed.campaign_id = exceptions.campaign_id
            and listed.reason = 'exception:' || exceptions.event_name
    ),

    compared as (
        select *, lag(place) over (partition by campaign_id, reasons_text order by position) as place_before
        from placed
    ),

    final as (
        select campaign_id, reasons_text, reason from compared where place is null or place <= place_before
    )

select *
from final
