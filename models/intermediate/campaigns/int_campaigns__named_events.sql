with
    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    exceptions as (
        {{ unnest_with_position("campaigns", ["campaign_id"], "cancel_on", "event_name", "position") }}
    ),

    final as (
        select trigger_event as event_name
        from campaigns
        where trigger_event is not null
        union
        select event_name
        from exceptions
    )

select *
from final
