with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    -- without an order among the checks: each row that is wrong in any way is shown once
    final as (
        select campaign_id, user_id, decision, primary_reason, reasons, lost_to
        from decisions
        where
            primary_reason is distinct from {{ first_of_list("reasons") }}
            or (decision = 'send') <> ({{ list_size("reasons") }} = 0)
            or (decision = 'control') <> ({{ list_text("reasons") }} = 'holdout')
            or (decision = 'send' and variant is null)
            -- only who was beaten by other campaigns can name them, and nobody is beaten by their own
            or (
                {{ list_size("lost_to") }} > 0
                and coalesce(primary_reason, '') not in ('same_content', 'channel_cap', 'total_cap')
            )
            or {{ list_has("lost_to", "campaign_id") }}
            or (primary_reason = 'same_content' and {{ list_size("lost_to") }} <> 1)
    )

select *
from final
