with
    counts as (select * from {{ ref("int_campaigns__merge_field_counts") }}),

    final as (
        select
            campaign_id,
            variant,
            merge_field,
            is_required,
            users,
            blank_users,
            unsafe_users,
            placeholder_users,
            cast(blank_users as double) / nullif(users, 0) as blank_share
        from counts
    )

select *
from final
