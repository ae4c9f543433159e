with
    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    exceptions as (
        {{ unnest_with_position("campaigns", ["campaign_id"], "cancel_on", "event_name", "position") }}
    ),

    final as (select distinct event_name from exceptions)

select *
from final
