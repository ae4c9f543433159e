with
    segments as (select * from {{ ref("int_customers__segments") }}),

    listed as ({{ unnest_with_position("segments", ["user_id"], "segments", "segment", "position") }}),

    final as (select user_id, segment from listed)

select *
from final
