{#-
    The key of a relation and what else must hold of its columns, in one query: each test costs a night some time, and a
    relation's rows need to be read once only.
-#}
{% test keyed(model, columns, nullable=[], required=[], allowed={}) %}
    {{ config(fail_calc="coalesce(sum(failing_rows), 0)") }}

    {%- set conditions = {} -%}
    {%- for column in columns + required if column not in nullable -%}
        {%- do conditions.update({column ~ " is null": column ~ " is null"}) -%}
    {%- endfor -%}
    {%- for column, values in allowed.items() -%}
        {%- set known = "'" ~ values | join("', '") ~ "'" -%}
        {%- do conditions.update({column ~ " has an unknown value": column ~ " not in (" ~ known ~ ")"}) -%}
    {%- endfor %}

    with
        checked as (select * from {{ model }}),

        repeated as (
            select {{ columns | join(", ") }}
            from checked
            group by {{ columns | join(", ") }}
            having count(*) > 1
        ),

        counted as (
            select
                {%- for condition in conditions.values() %}
                    count(case when {{ condition }} then 1 end) as failing_{{ loop.index }},
                {%- endfor %}
                count(*) as all_rows
            from checked
        ),

        final as (
            select 'several rows with one {{ columns | join(", ") }}' as problem, count(*) as failing_rows
            from repeated
            {%- for problem in conditions %}
                union all
                select '{{ problem }}' as problem, failing_{{ loop.index }} as failing_rows
                from counted
            {%- endfor %}
        )

    select *
    from final
    where failing_rows > 0
{% endtest %}
