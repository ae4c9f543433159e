{#- How many lack a field does not depend on the variant that prints it. -#}
with
    counts as (select * from {{ ref("int_campaigns__merge_field_counts") }}),

    final as (
        select campaign_id, merge_field, max(users) as users, max(blank_users) as blank_users
        from counts
        group by campaign_id, merge_field
    )

select *
from final
