{{ config(materialized="table", schema="ops") }}

{%- set tables = landing_tables() | reject("equalto", "users") | list %}

with
    profiles as (select distinct user_id from {{ ref("stg_landing__users") }}),

    profiles_in_lower_case as (select distinct {{ lowered("user_id") }} as lower_id from profiles),

    named as (
        {%- for table in tables %}
            select '{{ table }}' as table_name, user_id, count(*) as rows_staged
            from {{ ref("stg_landing__" ~ table) }}
            where user_id is not null
            group by user_id {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    unmatched as (
        select
            named.table_name,
            named.user_id,
            named.rows_staged,
            profiles_in_lower_case.lower_id is not null as differs_in_case_only
        from named
        left join profiles on named.user_id = profiles.user_id
        left join profiles_in_lower_case on {{ lowered("named.user_id") }} = profiles_in_lower_case.lower_id
        where profiles.user_id is null
    ),

    tables as (
        {%- for table in tables %}
            select '{{ table }}' as table_name {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    -- a table in which every user is known has its row, too
    final as (
        select
            tables.table_name,
            cast(coalesce(sum(unmatched.rows_staged), 0) as bigint) as unmatched_rows,
            count(unmatched.user_id) as unmatched_users,
            cast(
                coalesce(
                    sum(case when unmatched.differs_in_case_only then unmatched.rows_staged end), 0
                ) as bigint
            ) as rows_that_differ_in_case,
            count(case when unmatched.differs_in_case_only then 1 end) as users_that_differ_in_case
        from tables
        left join unmatched on tables.table_name = unmatched.table_name
        group by tables.table_name
    )

select *
from final
