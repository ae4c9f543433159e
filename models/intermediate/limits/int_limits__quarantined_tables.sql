{#- A table too broken to trust: nobody knows whom its unreadable rows would have stopped. -#}
{%- set default_percent = 20 -%}

with
    source_counts as (select * from {{ ref("source_counts") }}),

    quarantine as (select * from {{ ref("quarantine") }}),

    limits as (select * from {{ ref("source_limits") }}),

    counted as (select table_name, sum(rows_in) as rows_in from source_counts group by table_name),

    unreadable as (
        select table_name, count(*) as rows_unreadable
        from quarantine
        where reason like 'missing!_%' escape '!' or reason like 'bad!_%' escape '!'
        group by table_name
    ),

    compared as (
        select
            counted.table_name,
            cast(counted.rows_in as bigint) as rows_in,
            unreadable.rows_unreadable,
            coalesce(limits.max_quarantined_percent, {{ default_percent }}) as max_quarantined_percent
        from counted
        inner join unreadable on counted.table_name = unreadable.table_name
        left join limits on counted.table_name = limits.table_name
    ),

    final as (
        select table_name, rows_in, rows_unreadable, max_quarantined_percent
        from compared
        where
            rows_unreadable * 100 > max_quarantined_percent * rows_in
            and table_name in ('{{ tables_of_decisions() | join("', '") }}')
    )

select *
from final
