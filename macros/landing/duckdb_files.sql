{#- DuckDB's way of finding and reading the files of the landing zone. -#}
{% macro list_files(patterns) %}{{ return(adapter.dispatch("list_files", "sendworthy")(patterns)) }}{% endmacro %}

{% macro duckdb__list_files(patterns) %}
    {% set queries = [] %}
    {% for pattern in patterns %}
        {% do queries.append("select file from glob(" ~ sql_text(pattern) ~ ")") %}
    {% endfor %}
    {{ return(run_query(queries | join(" union all ") ~ " order by file").columns[0].values() | list) }}
{% endmacro %}


{% macro describe_files(paths) %}{{ return(adapter.dispatch("describe_files", "sendworthy")(paths)) }}{% endmacro %}

{% macro duckdb__describe_files(paths) %}
    {#- for each path: {path, format, columns}; headers only, no rows are read -#}
    {% set queries = [] %}
    {% for path in paths %}
        {% if path.endswith(".parquet") %}
            {#- row 0 is the schema's root, and a child of a nested column is no column -#}
            {% do queries.append(
                "select " ~ sql_text(path) ~ " as path, name from parquet_schema(" ~ sql_text(path) ~ ") where column_id > 0"
            ) %}
        {% else %}
            {% do queries.append(
                "select " ~ sql_text(path) ~ " as path, c.name from (select unnest(columns) as c from sniff_csv("
                ~ sql_text(path) ~ ", " ~ csv_options() ~ "))"
            ) %}
        {% endif %}
    {% endfor %}
    {% set columns = {} %}
    {% for chunk in queries | batch(100) %}
        {% for row in run_query(chunk | join(" union all ")).rows %}
            {% do columns.setdefault(row[0], []).append(row[1]) %}
        {% endfor %}
    {% endfor %}
    {% set files = [] %}
    {% for path in paths %}
        {% do files.append({
            "path": path,
            "format": "parquet" if path.endswith(".parquet") else "csv",
            "columns": columns.get(path, []),
        }) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro csv_options() %}
    {#- everything is read as text, so that a value that does not fit its type is quarantined instead of ending the night -#}
    {{- return("header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"'") -}}
{% endmacro %}


{% macro read_landing_table(table, files) %}{{ return(adapter.dispatch("read_landing_table", "sendworthy")(table, files)) }}{% endmacro %}

{% macro duckdb__read_landing_table(table, files) %}
    {#- a query over all files of a table: <column>, <column>_is_empty, file, raw_row -#}
    {% set queries = [] %}
    {% for format in ["parquet", "csv"] %}
        {% set paths = [] %}
        {% for file in files if file.format == format %}
            {% do paths.append(sql_text(file.path)) %}
        {% endfor %}
        {% if paths %}
            {% set reader %}
                {%- if format == "parquet" -%}
                    read_parquet([{{ paths | join(", ") }}], union_by_name = true, filename = true, hive_partitioning = false)
                {%- else -%}
                    read_csv([{{ paths | join(", ") }}], union_by_name = true, filename = true, hive_partitioning = false, {{ csv_options() }})
                {%- endif -%}
            {% endset %}
            {% set types = {} %}
            {% for row in run_query("describe select * from " ~ reader).rows %}
                {% do types.update({row[0] | lower: row[1]}) %}
            {% endfor %}
            {% set query %}
                select
                    {%- for column in table.columns %}
                        {{ duckdb__landing_value(column, types.get(column.name)) }} as {{ column.name }},
                        {{ duckdb__landing_is_empty(column, types.get(column.name)) }} as {{ column.name }}_is_empty,
                    {%- endfor %}
                    replace(delivered.filename, {{ sql_text(night_setting("raw").rstrip("/") ~ "/") }}, '') as file,
                    {# packed now, and written out as JSON only for the rows that need it #}
                    {% if format == "parquet" -%} struct_pack(parquet := delivered, csv := null) as raw_row
                    {%- else -%} struct_pack(parquet := null, csv := delivered) as raw_row
                    {%- endif %}
                from {{ reader }} as delivered
            {% endset %}
            {% do queries.append(query) %}
        {% endif %}
    {% endfor %}
    {{ return(queries | join(" union all ")) }}
{% endmacro %}


{% macro no_raw_row() %}{{ return(adapter.dispatch("no_raw_row", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__no_raw_row() %}struct_pack(parquet := null, csv := null){% endmacro %}


{% macro whole_row(raw_row) %}{{ return(adapter.dispatch("whole_row", "sendworthy")(raw_row)) }}{% endmacro %}

{% macro duckdb__whole_row(raw_row) -%}
    cast(json_merge_patch(coalesce(to_json({{ raw_row }}.parquet), to_json({{ raw_row }}.csv)), '{"filename": null}') as varchar)
{%- endmacro %}


{% macro white_space() %}
    {#- what is trimmed from a value before it is read: space, tab, line feed, vertical tab, form feed, carriage return -#}
    {{- return("' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)") -}}
{% endmacro %}


{% macro duckdb__landing_value(column, found_type) %}
    {%- set value = "delivered." ~ column.name -%}
    {%- set as_text = "trim(cast(" ~ value ~ " as varchar), " ~ white_space() ~ ")" -%}
    {%- if found_type is none -%} cast(null as {{ engine_type(column.type) }})
    {%- elif column.allowed -%}
        case when lower({{ as_text }}) in ('{{ column.allowed | join("', '") }}') then lower({{ as_text }}) end
    {%- elif column.json_object -%}
        case when {{ is_json_object("cast(" ~ value ~ " as varchar)") }} then cast({{ value }} as varchar) end
    {%- elif column.type == "text" -%} cast({{ value }} as varchar)
    {%- elif column.type == "timestamp" -%}
        {%- if found_type.startswith("TIMESTAMP WITH") -%} {% set time = value ~ " at time zone 'UTC'" %}
        {%- elif found_type.startswith("TIMESTAMP") or found_type == "DATE" -%} {% set time = "try_cast(" ~ value ~ " as timestamp)" %}
        {#- a cast straight to timestamp would drop the offset that a text may name; words like 'epoch' are no times -#}
        {%- else -%} {% set time = "case when regexp_matches(" ~ as_text ~ ", '^[0-9]{4}-') then try_cast(" ~ as_text ~ " as timestamptz) at time zone 'UTC' end" %}
        {%- endif -%}
        case when isfinite({{ time }}) then {{ time }} end
    {%- elif column.type == "boolean" -%}
        {%- if found_type == "BOOLEAN" -%} {{ value }} {%- else -%} try_cast(lower({{ as_text }}) as boolean) {%- endif -%}
    {%- elif column.type == "integer" -%}
        {%- if found_type in ("DOUBLE", "FLOAT") -%} case when {{ value }} = floor({{ value }}) then try_cast({{ value }} as integer) end
        {#- '3.7' is no whole number, though a cast would round it -#}
        {%- else -%} case when regexp_matches({{ as_text }}, '^[+-]?[0-9]+$') then try_cast({{ as_text }} as integer) end
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro duckdb__landing_is_empty(column, found_type) %}
    {%- set value = "delivered." ~ column.name -%}
    {#- an optional text may hold anything, white space too: what that means is for the rule of blank to say -#}
    {%- if found_type is none -%} true
    {%- elif found_type == "VARCHAR" and (column.type != "text" or column.required or column.allowed or column.json_object) -%}
        ({{ value }} is null or trim({{ value }}, {{ white_space() }}) = '')
    {%- else -%} {{ value }} is null
    {%- endif -%}
{% endmacro %}
