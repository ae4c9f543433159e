with
    gates as (select * from {{ ref("int_campaigns__gates") }}),

    arbitration as (select * from {{ ref("int_campaigns__arbitration") }}),

    decided as (
        select
            gates.*,
            case
                when arbitration.lost_by is not null
                then {{ list_of(["arbitration.lost_by"]) }}
                else gates.reasons
            end as all_reasons,
            coalesce(arbitration.lost_to, {{ empty_list() }}) as lost_to
        from gates
        left join
            arbitration on gates.user_id = arbitration.user_id and gates.campaign_id = arbitration.campaign_id
    ),

    final as (
        select
            as_of,
            user_id,
            campaign_id,
            channel,
            case
                when {{ list_size("all_reasons") }} = 0
                then 'send'
                -- the measured comparison group: would have been sent but for the holdout
                when {{ list_size("all_reasons") }} = 1 and {{ first_of_list("all_reasons") }} = 'holdout'
                then 'control'
                else 'suppress'
            end as decision,
            {{ first_of_list("all_reasons") }} as primary_reason,
            all_reasons as reasons,
            variant,
            trigger_at,
            priority,
            lost_to,
            send_at,
            arm
        from decided
    )

select *
from final
