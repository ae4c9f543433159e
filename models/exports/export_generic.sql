with
    send_list as (select * from {{ ref("send_list") }}),

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
            {{ without_overrides("merge_values") }} as merge_values
        from send_list
    )

select *
from final
