with
    source as (select * from {{ source("ledger", "dispatches") }}),

    final as (
        select
            as_of,
            dispatch_id,
            user_id,
            campaign_id,
            channel,
            variant,
            send_at,
            valid_until,
            journey_started_at,
            address_hash,
            arm
        from source
    )

select *
from final
