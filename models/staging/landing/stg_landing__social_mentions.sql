with
    base as (select * from {{ ref("base_landing__social_mentions") }}),

    final as (
        select
            mention_id,
            user_id,
            network,
            body,
            posted_at,
            sentiment,
            {{ list_has("unreadable_columns", "'sentiment'") }} as is_sentiment_unreadable
        from base
        where quarantine_reason is null
    )

select *
from final
