{#
    Old drops need not be read every night: `sendworthy nightly` keeps what of them can still matter, as Parquet files, and says
    where in SENDWORTHY_HISTORY. Where it does not (`dbt build` alone, a night that reads everything), these views are empty, and nothing else differs.
#}
{% macro land_history() %}
    {% do run_query("create schema if not exists history") %}
    {% for source in graph.sources.values() if source.source_name == "history" %}
        {% set columns = [] %}
        {% for column in source.columns.values() %}
            {#- DuckDB has written them, whose times have no zone -#}
            {% do columns.append("cast(" ~ (column.name if history_folder() else "null") ~ " as " ~ engine_type(column.data_type) ~ ") as " ~ column.name) %}
        {% endfor %}
        {% do run_query(
            "create or replace view history." ~ source.name ~ " as select " ~ columns | join(", ")
            ~ (" from " ~ rows_of_parquet(history_folder() ~ "/" ~ source.name ~ ".parquet") if history_folder() else " where false")
        ) %}
    {% endfor %}
{% endmacro %}


{% macro rows_of_parquet(path) %}
    {#- what stands behind `from` for the rows of a Parquet file -#}
    {{ return(adapter.dispatch("rows_of_parquet", "sendworthy")(path)) }}
{% endmacro %}


{% macro history_folder() %}
    {#- where tonight's history lies; empty: everything is read. Not asked for while dbt parses, see night_setting -#}
    {{ return(env_var("SENDWORTHY_HISTORY", "") if execute else "") }}
{% endmacro %}


{% macro files_of_tonight(table_name, files) %}
    {#- of the files of a table (list_files), those that are read: not those whose rows the history has, and on a replay not those that landed later -#}
    {% set folded = run_query(
        "select file from history.files where table_name = " ~ sql_text(table_name)
    ).columns[0].values() | list if history_folder() else [] %}
    {% set known = files_known_then(table_name) %}
    {#- of a table that had no drop then, none counts -#}
    {% set landed_until = fromjson(env_var("SENDWORTHY_LANDED_UNTIL", "{}")) %}
    {% set last = landed_until.get(table_name, "") if landed_until else "9999-12-31" %}
    {% set read = [] %}
    {% for file in files if relative_to_landing(file.path) not in folded and landed_on(file.path) <= last %}
        {% if known is none or relative_to_landing(file.path) in known %}
            {% do read.append(file) %}
        {% endif %}
    {% endfor %}
    {{ return(read) }}
{% endmacro %}


{% macro files_known_then(table_name) %}
    {#- on a replay: the files of a table that some run had read by then, whatever the dates of their drops; else none -#}
    {% set until = env_var("SENDWORTHY_FILES_READ_UNTIL", "") %}
    {{ return(run_query(
        "select file from ledger.files_read where table_name = " ~ sql_text(table_name) ~ " and first_read_at <= " ~ utc_time(until)
    ).columns[0].values() | list if until else none) }}
{% endmacro %}


{% macro landed_on(path) %}
    {#- the date of the drop that a file came with, as text; empty where it came with none -#}
    {{ return(modules.re.findall("/landed_on=([0-9]{4}-[0-9]{2}-[0-9]{2})/", relative_to_landing(path)) | first | default("")) }}
{% endmacro %}


{% macro settled_duplicate(keys) %}
    {#- the reason of a row that the history knows by its keys: the delivery that counts came with an older drop; known: a CTE with the keys that it knows -#}
    case when ({{ keys | join(", ") }}) in (select {{ keys | join(", ") }} from known) then 'duplicate' end
{%- endmacro %}


{% macro known_ids(table_name, keys) %}
    {#- a query: the keys that the history knows, the id and the name first; history: a CTE with the rows that it has kept -#}
    select {{ keys | join(", ") }}
    from history
    where quarantine_reason is null
    union all
    select id as {{ keys[0] }}, event_name as {{ keys[1] }}, {{ keys[2:] | join(", ") }}
    from settled_ids
    where table_name = '{{ table_name }}'
{%- endmacro %}


{% macro judged_again(columns, time) %}
    {#- a query: the rows that the history has kept, with these columns; what was from the future may have come by now -#}
    {%- set is_due = "(quarantine_reason = 'from_the_future' and " ~ time ~ " <= " ~ add_seconds(wall_clock(), 3600) ~ ")" -%}
    select
        {%- for column in columns %} {{ column }}, {%- endfor %}
        unreadable_columns,
        case when {{ is_due }} then null else quarantine_reason end as quarantine_reason,
        file,
        case when {{ is_due }} then null else raw_row end as raw_row
    from history
{%- endmacro %}
