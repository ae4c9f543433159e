with
    quarantined_rows as (select * from {{ ref("int_users__quarantined_rows") }}),

    -- one that cannot be dated is not old
    final as (
        select distinct user_id, table_name, table_position
        from quarantined_rows
        where
            {{ var("unreadable_days") }} > 0
            and (own_at is null or own_at < {{ as_of() }})
            and (newest_at is null or newest_at >= {{ days_before(as_of(), var("unreadable_days")) }})
    )

select *
from final
