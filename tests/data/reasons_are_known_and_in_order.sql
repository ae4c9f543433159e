{#- Few lists of reasons stand for many decisions: the distinct ones are taken apart. -#}
with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    reasons as (select * from {{ ref("reasons") }} where step is not null),

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
            -- arbitration knows only those who passed every gate
            case
                when reasons.step <> 'arbitration' or listed.reason = listed.reasons_text
                then reasons.reason_number
            end as place,
            -- the tables among themselves in their order, the exclusions and the exceptions in the setting's
            case
                reasons.reason
                when 'unreadable'
                then
                    case
                        listed.reason
                        {%- for table in unreadable_tables() %}
                            when 'unreadable:{{ table }}' then {{ loop.index }}
                        {%- endfor %}
                    end
                when 'excluded'
                then exclusions.setting_position
                when 'exception'
                then exceptions.setting_position
                else case when listed.reason = reasons.reason then 0 end
            end as place_in_reason
        from listed
        left join reasons on split_part(listed.reason, ':', 1) = reasons.reason
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
        select
            *,
            lag(place) over (partition by campaign_id, reasons_text order by position) as place_before,
            lag(place_in_reason) over (
                partition by campaign_id, reasons_text order by position
            ) as place_in_reason_before
        from placed
    ),

    final as (
        select campaign_id, reasons_text, reason
        from compared
        where
            place is null
            or place_in_reason is null
            or place < place_before
            or (place = place_before and place_in_reason <= place_in_reason_before)
    )

select *
from final
