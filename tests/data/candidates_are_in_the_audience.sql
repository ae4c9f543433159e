with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    customers as (select * from {{ ref("customers") }}),

    final as (
        select decisions.campaign_id, decisions.user_id, decisions.trigger_at
        from decisions
        left join campaigns on decisions.campaign_id = campaigns.campaign_id
        left join customers on decisions.user_id = customers.user_id
        where
            campaigns.campaign_id is null
            or customers.user_id is null
            or campaigns.valid_from > cast(decisions.as_of as date)
            or campaigns.valid_to < cast(decisions.as_of as date)
            or (
                campaigns.audience_segment is not null
                and not {{ list_has("customers.segments", "campaigns.audience_segment") }}
            )
            or not {{ list_has_all("customers.segments", split_list("campaigns.also_segments")) }}
            or (campaigns.trigger_event is null) <> (decisions.trigger_at is null)
            or not coalesce({{ within_days("decisions.trigger_at", 90, "decisions.as_of") }}, true)
    )

select *
from final
