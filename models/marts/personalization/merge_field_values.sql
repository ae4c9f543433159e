with
    merge_fields as (select * from {{ ref("int_customers__merge_fields") }}),

    final as (
        select
            user_id
            {%- for field in merge_field_names(ref("int_customers__merge_fields")) %}
                , {{ field }}
            {%- endfor %}
        from merge_fields
    )

select *
from final
