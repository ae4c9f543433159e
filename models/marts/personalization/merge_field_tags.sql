with
    merge_tags as (select * from {{ ref("merge_tags") }}),

    final as (
        -- more than one tag may print a field: the first by name
        select dialect, merge_field, min(merge_tag) as merge_tag
        from merge_tags
        where merge_field is not null
        group by dialect, merge_field
    )

select *
from final
