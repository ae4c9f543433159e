with
    customers as (select * from {{ ref("customers") }}),

    customer_segments as (select * from {{ ref("customer_segments") }}),

    listed as ({{ unnest_with_position("customers", ["user_id"], "segments", "segment", "position") }}),

    final as (
        select
            coalesce(listed.user_id, customer_segments.user_id) as user_id,
            listed.segment as listed_segment,
            customer_segments.segment as long_segment
        from listed
        full outer join
            customer_segments
            on listed.user_id = customer_segments.user_id
            and listed.segment = customer_segments.segment
        where listed.segment is null or customer_segments.segment is null
    )

select *
from final
