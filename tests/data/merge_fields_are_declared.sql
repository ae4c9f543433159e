{%- set fields = merge_field_names(ref("merge_field_values")) %}

with
    merge_fields as (select * from {{ ref("merge_fields") }}),

    columns_found as (
        {%- for field in fields %}
            select '{{ field }}' as merge_field {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (
        select merge_fields.merge_field as declared, columns_found.merge_field as found
        from merge_fields
        full outer join columns_found on merge_fields.merge_field = columns_found.merge_field
        where merge_fields.merge_field is null or columns_found.merge_field is null
    )

select *
from final
