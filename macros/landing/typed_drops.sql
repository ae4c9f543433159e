{#
    A file of events or message events is parsed, judged and typed once. `sendworthy nightly` keeps what came of it as Parquet, and
    says in SENDWORTHY_DROPS where tonight's goes: <folder>/<table>/drop_number=<n>/. <folder>/known.json says what earlier nights
    have kept. Without SENDWORTHY_DROPS (`dbt build` alone, a replay) all files are read, and nothing is kept.

    Which of several deliveries of an id counts is settled when they are typed. Where a file that came or went since would have
    settled it otherwise, the kept files that it concerns are read anew, with tonight's.

    Only nights on DuckDB keep anything (the materialization typed_drops): nothing here that reads files is dispatched.
#}
{% macro typed_tables() %}
    {#- the tables of which each file is typed once -#}
    {{ return(["events", "message_events"]) }}
{% endmacro %}


{% macro drops_folder() %}
    {#- where tonight's typed files go; empty: they are not kept. Not asked for while dbt parses, see night_setting -#}
    {{ return(env_var("SENDWORTHY_DROPS", "") if execute else "") }}
{% endmacro %}


{% macro delivery_keys(table_name) %}
    {#-
        what one delivery is known by: an id may stand for rows of several people, because sources number their rows anew; none: each
        row is a version
    -#}
    {{ return({
        "events": ["event_id", "event_name", "user_id"],
        "message_events": ["message_event_id", "event_type", "user_id", "channel"],
        "social_mentions": ["mention_id", "user_id"],
        "assignments": ["user_id", "campaign_id"],
    }.get(table_name, [])) }}
{% endmacro %}


{% macro delivery_times(table_name) %}
    {#- of several deliveries of one, the first counts by these, then by file -#}
    {{ return({"events": ["received_at", "occurred_at"], "message_events": ["occurred_at"]}[table_name]) }}
{% endmacro %}


{% macro delivery_order(table_name, relation) %}
    {%- for time in delivery_times(table_name) %} {{ relation }}.{{ time }} nulls last, {% endfor -%}
    {{ relation }}.file
{%- endmacro %}


{% macro find_kept_files(table_name, listed) %}
    {#- {file: where its rows are} of those files of a table (list_files) that need not be read; drops.<table> has their rows -#}
    {% set kept = {} %}
    {% set gone = [] %}
    {% set there = {} %}
    {% for file in listed %}
        {% do there.update({relative_to_landing(file.path): [file.size, file.written_at]}) %}
    {% endfor %}
    {% if drops_folder() %}
        {#- by a clock that was ahead of tonight's, another row was from the future -#}
        {% for file, bytes, written_at, path, is_judged in run_query(
            "select file, file_bytes, written_at_us, path, judged_at <= " ~ wall_clock() ~ " from (" ~ known_files() ~ ") as known"
            ~ " where table_name = " ~ sql_text(table_name)
        ).rows %}
            {% if there.get(file) == [bytes, written_at] and is_judged %} {% do kept.update({file: path}) %}
            {% else %} {% do gone.append(path) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do create_kept_rows(table_name, kept) %}
    {% if gone and kept %}
        {#- of what counted in a file that is gone, another delivery counts now; of erased people, nobody knows which one (no id) -#}
        {% set id = delivery_keys(table_name)[0] %}
        {% for (file,) in run_query(
            "select distinct file from drops." ~ table_name ~ " where quarantine_reason = 'duplicate' and (" ~ id
            ~ " is null or " ~ id ~ " in (select " ~ id ~ " from " ~ typed_rows(table_name, gone) ~ "))"
        ).rows %}
            {% do kept.pop(file) %}
        {% endfor %}
        {% do create_kept_rows(table_name, kept) %}
    {% endif %}
    {{ return(kept) }}
{% endmacro %}


{% macro kept_files_settled_otherwise(table_name) %}
    {#-
        The kept files in which a delivery counts that does not, now that tonight's files (landing.<table>) are there, or in which one
        was from the future whose time has come, and it is not the only one, or what it says is not kept (it is of an erased person).
    -#}
    {% set keys = delivery_keys(table_name) %}
    {% set columns = (keys + delivery_times(table_name) + ["file"]) | join(", ") %}
    {% set sql %}
        with
            tonight as (
                select {{ columns }}, false as is_kept, false as was_due
                from landing.{{ table_name }}
                where problem is null and {{ from_the_future("occurred_at") }} is null
                union all
                select {{ columns }}, true as is_kept, true as was_due
                from drops.{{ table_name }}
                where is_due
            ),
            rivals as (
                select * from tonight
                union all
                select {{ columns }}, true as is_kept, false as was_due
                from drops.{{ table_name }}
                where quarantine_reason is null and not is_due and {{ keys[0] }} in (select {{ keys[0] }} from tonight)
            ),
            ranked as (
                select
                    rivals.*,
                    row_number() over (partition by {{ keys | join(", ") }} order by {{ delivery_order(table_name, "rivals") }}) as place,
                    count(*) over (partition by {{ keys | join(", ") }}) as deliveries
                from rivals
            )
        select distinct file from ranked where is_kept and (place > 1 or (was_due and (deliveries > 1 or {{ keys[0] }} is null)))
    {% endset %}
    {{ return(run_query(sql).columns[0].values() | list) }}
{% endmacro %}


{% macro create_kept_rows(table_name, kept) %}
    {#- the view drops.<table>: the rows of the kept files -#}
    {% do run_query("create or replace view drops." ~ table_name ~ " as " ~ kept_rows(table_name, kept.values() | list)) %}
{% endmacro %}


{% macro kept_rows(table_name, folders) %}
    {#- a query: the rows of kept files; is_due: it was from the future when it was typed, and its time has come -#}
    {% set is_due = "coalesce(quarantine_reason = 'from_the_future' and occurred_at is not null and " ~ from_the_future("occurred_at") ~ " is null, false)" %}
    {% set rows = typed_rows(table_name, folders) %}
    {#- rarely one is, and without a condition Parquet need not be read for it -#}
    {% if not (folders | select | list) or not run_query("select 1 from " ~ rows ~ " where " ~ is_due ~ " limit 1").rows %}
        {% set is_due = "false" %}
    {% endif %}
    {% set columns = [] %}
    {% for name, type in typed_columns(table_name).items() %}
        {% set value = name if is_due == "false" or name not in ["quarantine_reason", "raw_row"] else "case when not " ~ is_due ~ " then " ~ name ~ " end" %}
        {% do columns.append("cast(" ~ value ~ " as " ~ type ~ ") as " ~ name) %}
    {% endfor %}
    {{ return("select " ~ columns | join(", ") ~ ", " ~ is_due ~ " as is_due from " ~ rows) }}
{% endmacro %}


{% macro typed_columns(table_name) %}
    {#- {name: the engine's type}, as the source drops.<table> describes them -#}
    {% set columns = {} %}
    {% for source in graph.sources.values() if source.source_name == "drops" and source.name == table_name %}
        {% for column in source.columns.values() if column.name != "is_due" %}
            {% do columns.update({column.name: engine_type(column.data_type)}) %}
        {% endfor %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{% macro typed_rows(table_name, folders) %}
    {#- what stands behind `from` for the rows in folders of Parquet files; a file without rows has no folder -#}
    {% set files = [] %}
    {% for folder in folders | select %}
        {% do files.append(sql_text(duckdb__no_pattern(folder) ~ "/*.parquet")) %}
    {% endfor %}
    {% if files %}
        {{ return("read_parquet([" ~ files | join(", ") ~ "], hive_partitioning = false)") }}
    {% endif %}
    {{ return("(select " ~ nothing_of(typed_columns(table_name)) ~ " where false) as nothing") }}
{% endmacro %}


{% macro create_kept_files(found) %}
    {#- the view drops.files: what is known of the kept files -#}
    {% set kept = [] %}
    {% for item in found if item.kept %}
        {% do kept.append("table_name = " ~ sql_text(item.table.name) ~ " and file in (" ~ sql_texts(item.kept.keys() | list) ~ ")") %}
    {% endfor %}
    {% do run_query(
        "create or replace view drops.files as select * from (" ~ known_files() ~ ") as known where " ~ (kept | join(" or ") or "false")
    ) %}
{% endmacro %}


{% macro known_files() %}
    {#- a query: what earlier nights have kept -#}
    {% set columns = typed_columns("files") %}
    {% if not drops_folder() %} {{ return("select " ~ nothing_of(columns) ~ " where false") }} {% endif %}
    {% set types = [] %}
    {% for name, type in columns.items() %} {% do types.append(name ~ ": " ~ sql_text(type)) %} {% endfor %}
    {{ return(
        "select " ~ columns.keys() | join(", ") ~ " from read_json(" ~ sql_text(duckdb__no_pattern(drops_folder() ~ "/known.json"))
        ~ ", format = 'newline_delimited', columns = {" ~ types | join(", ") ~ "})"
    ) }}
{% endmacro %}


{% macro nothing_of(columns) %}
    {#- nulls with these names and types -#}
    {% set nothing = [] %}
    {% for name, type in columns.items() %}
        {% do nothing.append("cast(null as " ~ type ~ ") as " ~ name) %}
    {% endfor %}
    {{ return(nothing | join(", ")) }}
{% endmacro %}


{% macro kept_deliveries(table_name) %}
    {#- a query: by their keys, the deliveries in kept files that count and whose ids tonight's files have, too -#}
    {%- set keys = delivery_keys(table_name) -%}
    select {{ keys | join(", ") }}
    from {{ source("drops", table_name) }}
    where
        quarantine_reason is null
        and {{ keys[0] }} in (select {{ keys[0] }} from {{ source("landing", table_name) }})
{%- endmacro %}


{% macro kept_delivery(keys) %}
    {#- the reason of a row that a kept file has delivered before; known: a CTE with the keys of such rows -#}
    case when ({{ keys | join(", ") }}) in (select {{ keys | join(", ") }} from known) then 'duplicate' end
{%- endmacro %}
