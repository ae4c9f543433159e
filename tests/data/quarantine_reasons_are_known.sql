{#- The reasons follow from the landing contract: what a table does not have cannot be missing from it or bad in it. -#}
{%- set known = [] -%}
{%- if execute -%}
    {%- for table in landing_contract() -%}
        {%- do known.append(table.name ~ ":duplicate") -%}
        {%- do known.append(table.name ~ ":from_the_future") -%}
        {%- for column in table.columns -%}
            {%- do known.append(table.name ~ ":bad_" ~ column.name) -%}
            {%- if column.required -%}
                {%- do known.append(table.name ~ ":missing_" ~ column.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endif %}

with
    quarantine as (select * from {{ ref("quarantine") }}),

    final as (
        select table_name, file, reason, count(*) as quarantined_rows
        from quarantine
        where
            reason is null
            or raw_row is null
            or table_name || ':' || reason not in ('{{ known | join("', '") }}')
        group by table_name, file, reason
    )

select *
from final
