with
    mentions as (select * from {{ ref("stg_landing__social_mentions") }}),

    final as (
        select user_id, max(posted_at) as last_negative_mention_at
        from mentions
        where user_id is not null and sentiment = 'negative' and posted_at < {{ as_of() }}
        group by user_id
    )

select *
from final
