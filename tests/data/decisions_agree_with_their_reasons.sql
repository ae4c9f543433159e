with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    reasons as (select * from {{ ref("reasons") }}),

    -- only who was beaten by other campaigns can name them
    beaten as (select reason from reasons where step = 'arbitration' and reason <> 'duplicate_address'),

    -- without an order among the checks: each row that is wrong in any way is shown once
    final as (
        select
            decisions.campaign_id,
            decisions.user_id,
            decisions.decision,
            decisions.primary_reason,
            decisions.reasons,
            decisions.lost_to
        from decisions
        left join beaten on decisions.primary_reason = beaten.reason
        where
            primary_reason is distinct from {{ first_of_list("reasons") }}
            or (decision = 'send') <> ({{ list_size("reasons") }} = 0)
            or (decision = 'control') <> ({{ list_text("reasons") }} = 'holdout')
            or (decision = 'send' and variant is null)
            or ({{ list_size("lost_to") }} > 0 and beaten.reason is null)
            -- nobody is beaten by their own campaign
            or {{ list_has("lost_to", "campaign_id") }}
            or (primary_reason = 'same_content' and {{ list_size("lost_to") }} <> 1)
    )

select *
from final
