with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    texts as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            channel,
            address,
            variant,
            {{ iso_text("send_at") }} as send_at,
            {{ iso_text("valid_until") }} as valid_until,
            {{ list_text("cancel_on") }} as cancel_on,
            merge_values,
            arm
        from messages
    ),

    final as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            variant,
            send_at,
            valid_until,
            '{"dispatch_id": '
            || {{ json_text_literal("dispatch_id") }}
            || ', "user_id": '
            || {{ json_text_literal("user_id") }}
            || ', "campaign_id": '
            || {{ json_text_literal("campaign_id") }}
            || ', "channel": '
            || {{ json_text_literal("channel") }}
            || ', "address": '
            || {{ json_text_literal("address") }}
            || ', "variant": '
            || {{ json_text_literal("variant") }}
            || ', "send_at": '
            || {{ json_text_literal("send_at") }}
            || ', "valid_until": '
            || {{ json_text_literal("valid_until") }}
            || ', "cancel_on": '
            || {{ json_text_literal("cancel_on") }}
            || ', "merge_values": '
            || merge_values
            || ', "arm": '
            || {{ json_text_literal("arm") }}
            || '}' as payload
        from texts
    )

select *
from final
