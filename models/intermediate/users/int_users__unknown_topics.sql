with
    users as (select * from {{ ref("int_users__current") }}),

    topics as (select {{ lowered(trimmed("topic")) }} as topic from {{ ref("topics") }}),

    listed as ({{ unnest_with_position("users", ["user_id"], "topics_opted_out", "topic", "position") }}),

    final as (
        select listed.topic, count(*) as users
        from listed
        left join topics on listed.topic = topics.topic
        where topics.topic is null and listed.topic <> 'all'
        group by listed.topic
    )

select *
from final
