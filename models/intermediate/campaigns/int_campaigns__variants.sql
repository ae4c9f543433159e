with
    requirements as (select * from {{ ref("message_requirements") }}),

    final as (
        select
            campaign_id,
            variant,
            arm,
            variant_rank,
            {{ split_list("printed_fields") }} as printed_fields,
            {{ split_list("required_fields") }} as required_fields,
            {{ split_list("compared_fields") }} as compared_fields,
            {{ split_list("measured_fields") }} as measured_fields
        from requirements
    )

select *
from final
