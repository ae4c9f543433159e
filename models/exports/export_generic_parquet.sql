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
            send_at,
            valid_until,
            {{ list_text("cancel_on") }} as cancel_on,
            merge_values,
            arm
        from messages
    )

select *
from final
