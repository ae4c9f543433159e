{#- The flags as a list: every column is_<segment> of the flags, in their order. -#}
with
    flags as (select * from {{ ref("int_customers__segment_flags") }}),

    final as (
        select user_id, {{ list_of(segment_names_of_flags(ref("int_customers__segment_flags"))) }} as segments
        from flags
    )

select *
from final
