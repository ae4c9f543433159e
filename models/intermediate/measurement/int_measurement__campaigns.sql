with
    campaigns as (select * from {{ ref("campaigns") }}),

    outside_campaigns as (select * from {{ ref("outside_campaigns") }}),

    final as (
        select campaign_id, name, evaluation, success_event, success_window_days
        from campaigns
        union all
        select campaign_id, name, 'outside' as evaluation, success_event, success_window_days
        from outside_campaigns
    )

select *
from final
