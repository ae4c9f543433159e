with
    sent as (select * from {{ ref("int_messages__sent") }}),

    final as (
        select
            user_id, campaign_id, max(sent_at) as last_sent_at, max(dispatched_as_of) as last_dispatched_as_of
        from sent
        where campaign_id is not null
        group by user_id, campaign_id
    )

select *
from final
