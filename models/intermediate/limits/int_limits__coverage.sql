{#- How many lack a field does not depend on the variant that prints it, but on the arm: each has people of its own. -#}
with
    counts as (select * from {{ ref("int_campaigns__merge_field_counts") }}),

    by_arm as (
        select campaign_id, arm, merge_field, max(users) as users, max(blank_users) as blank_users
        from counts
        group by campaign_id, arm, merge_field
    ),

    final as (
        select
            campaign_id,
            merge_field,
            cast(sum(users) as bigint) as users,
            cast(sum(blank_users) as bigint) as blank_users
        from by_arm
        group by campaign_id, merge_field
    )

select *
from final
