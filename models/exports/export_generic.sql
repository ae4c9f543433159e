with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    final as (
        select
            dispatch_id,
            user_id,
            campaign_id,
            channel,
            address,
            variant,
            {{ iso_text("send_at") }} as send_at,
            {{ iso_text("valid_until") }} as valid_until,
            {{ list_text("cancel_on") }} as cancel_on,
            merge_values,
            arm
        from messages
    )

select *
from final
