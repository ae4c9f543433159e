{% macro from_the_future(time) -%}
    case when {{ time }} > {{ add_seconds(wall_clock(), 3600) }} then 'from_the_future' end
{%- endmacro %}


{% macro numbered_rows(source, reasons, keys, order_by) %}
    {#- the CTE `numbered` and what it needs: every row with its quarantine_reason, and its row_number among the good rows of its keys -#}
    {{ return(adapter.dispatch("numbered_rows", "sendworthy")(source, reasons, keys, order_by)) }}
{% endmacro %}

{% macro duckdb__numbered_rows(source, reasons, keys, order_by) -%}
    {#
        Few keys come more than once, and only their rows are put in order: sorting everything would cost most of a night. The
        first of the keys separates most rows. The files are read once more for each use: as a CTE, all rows of a year would have
        to be kept in memory.
    #}
    {%- set is_same = "judged." ~ keys[0] ~ " = repeated." ~ keys[0] -%}
    repeated as (select {{ keys[0] }} from {{ source }} group by {{ keys[0] }} having count(*) > 1),

    numbered as (
        select judged.*, 1 as row_number
        from ({{ judged_rows(source, reasons) }}) as judged
        left join repeated on {{ is_same }}
        where repeated.{{ keys[0] }} is null
        union all
        select judged.*, {{ number_of_row(keys, order_by) }} as row_number
        from ({{ judged_rows(source, reasons) }}) as judged
        inner join repeated on {{ is_same }}
    )
{%- endmacro %}

{% macro spark__numbered_rows(source, reasons, keys, order_by) -%}
    {# Spark reads what stands before a CTE anew for each use of it, and sorting costs less than reading four times. #}
    numbered as (
        select judged.*, {{ number_of_row(keys, order_by) }} as row_number
        from ({{ judged_rows(source, reasons) }}) as judged
    )
{%- endmacro %}


{% macro judged_rows(source, reasons) -%}
    {#- a query: the rows of a landing table with the first thing that is wrong with each -#}
    select *, coalesce(problem, {{ reasons | join(", ") }}) as quarantine_reason from {{ source }}
{%- endmacro %}


{% macro number_of_row(keys, order_by) -%}
    row_number() over (
        partition by {% for key in keys %} judged.{{ key }}, {% endfor %} judged.quarantine_reason is null
        order by {{ order_by }}
    )
{%- endmacro %}


{% macro quarantined(number) -%}
    {# what of a row could not be read, why it is not staged (null: it is), where it came from, and the whole of it where it is not staged #}
    unreadable_columns,
    coalesce(quarantine_reason, case when {{ number }} > 1 then 'duplicate' end) as quarantine_reason,
    file,
    case when quarantine_reason is not null or {{ number }} > 1 then {{ whole_row("raw_row") }} end as raw_row
{%- endmacro %}


{% macro landing_tables() %}
    {#- the tables of the contract, each with a base model; a plain list, because models name their inputs before the graph is known -#}
    {{ return(["users", "events", "support_tickets", "message_events", "social_mentions", "erasure_requests", "assignments"]) }}
{% endmacro %}


{% macro tables_of_decisions() %}
    {#- the tables that a decision may depend on: all but assignments, which only measures what others have sent -#}
    {{ return(landing_tables() | reject("equalto", "assignments") | list) }}
{% endmacro %}


{% macro unreadable_tables() %}
    {#- the tables whose unreadable rows keep whom they name from marketing, in the order of the reasons -#}
    {{ return(tables_of_decisions() | reject("equalto", "erasure_requests") | list) }}
{% endmacro %}


{% macro newest_column(table) %}
    {#- the time of a table's rows that says whether a rule sees them -#}
    {{ return({
        "users": "updated_at",
        "events": "occurred_at",
        "support_tickets": "updated_at",
        "message_events": "occurred_at",
        "social_mentions": "posted_at",
        "erasure_requests": "requested_at",
    }[table]) }}
{% endmacro %}
