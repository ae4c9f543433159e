{#- DuckDB's way of finding and reading the files of the landing zone. -#}
{% macro list_files(folder, table_name) %}
    {#- every file that is called after a table, or stands in a folder that is: {path, size in bytes} -#}
    {{ return(adapter.dispatch("list_files", "sendworthy")(folder, table_name)) }}
{% endmacro %}

{% macro duckdb__list_files(folder, table_name) %}
    {% set place = duckdb__no_pattern(folder) ~ "/" ~ table_name %}
    {% set sql = "select file from glob(" ~ sql_text(place ~ ".*") ~ ") union all select file from glob("
        ~ sql_text(place ~ "/**/*") ~ ") order by file" %}
    {% set files = [] %}
    {% set paths = run_query(sql).columns[0].values() | list %}
    {% if paths %}
        {% for row in run_query("select filename, size from read_blob(" ~ duckdb__path_list(paths) ~ ") order by filename").rows %}
            {% do files.append({"path": row[0], "size": row[1]}) %}
        {% endfor %}
    {% endif %}
    {{ return(files) }}
{% endmacro %}


{% macro duckdb__no_pattern(path) %}
    {#- a path in which what would be a pattern stands for itself -#}
    {{ return(path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")) }}
{% endmacro %}


{% macro duckdb__path_list(paths) %}
    {% set literals = [] %}
    {% for path in paths %}
        {% do literals.append(sql_text(duckdb__no_pattern(path))) %}
    {% endfor %}
    {{ return("[" ~ literals | join(", ") ~ "]") }}
{% endmacro %}


{% macro describe_files(paths) %}{{ return(adapter.dispatch("describe_files", "sendworthy")(paths)) }}{% endmacro %}

{% macro duckdb__describe_files(paths) %}
    {#- for each path: {path, format, columns}; headers only, no rows are read -#}
    {% set queries = [] %}
    {% for path in paths %}
        {% set file = sql_text(duckdb__no_pattern(path)) %}
        {% if path.endswith(".parquet") %}
            {% do queries.append(
                "select " ~ sql_text(path) ~ " as path, name, column_id, coalesce(num_children, 0) as children from parquet_schema(" ~ file ~ ")"
            ) %}
        {% else %}
            {% do queries.append(
                "select " ~ sql_text(path) ~ " as path, c.name, position as column_id, 0 as children from (select unnest(columns) as c, "
                ~ "generate_subscripts(columns, 1) as position from sniff_csv(" ~ file ~ ", " ~ csv_options() ~ "))"
            ) %}
        {% endif %}
    {% endfor %}
    {% set columns = {} %}
    {% set inside = {} %}
    {% for chunk in queries | batch(100) %}
        {#- a Parquet file tells its columns as a tree, the root first: what is inside a column is no column -#}
        {% for path, name, column_id, children in run_query(chunk | join(" union all ") ~ " order by path, column_id").rows %}
            {% if column_id == 0 %}
                {% do columns.setdefault(path, []) %}
            {% elif inside.get(path, 0) > 0 %}
                {% do inside.update({path: inside[path] - 1 + children | int}) %}
            {% else %}
                {% do columns.setdefault(path, []).append(name) %}
                {% do inside.update({path: children | int}) %}
            {% endif %}
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
        {% set paths = files | selectattr("format", "equalto", format) | map(attribute="path") | list %}
        {% if paths %}
            {% set reader %}
                {%- if format == "parquet" -%}
                    read_parquet({{ duckdb__path_list(paths) }}, union_by_name = true, filename = true, hive_partitioning = false)
                {%- else -%}
                    read_csv({{ duckdb__path_list(paths) }}, union_by_name = true, filename = true, hive_partitioning = false, {{ csv_options() }})
                {%- endif -%}
            {% endset %}
            {% set types = {} %}
            {% for row in run_query("describe select * from " ~ reader).rows %}
                {% do types.update({row[0] | lower: row[1] | lower}) %}
            {% endfor %}
            {% set query %}
                select
                    {{ landing_columns(table, types) }}
                    substr(delivered.filename, {{ landing_folder() | length + 2 }}) as file,
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


{% macro duckdb__landing_text(value, found_type) %}{{ return("cast(" ~ value ~ " as varchar)") }}{% endmacro %}


{% macro duckdb__landing_time(value, text, found_type) %}
    {%- if found_type.startswith("timestamp with") -%} {% set time = value ~ " at time zone 'UTC'" %}
    {%- elif found_type.startswith("timestamp") or found_type == "date" -%} {% set time = "try_cast(" ~ value ~ " as timestamp)" %}
    {#-
        A cast straight to timestamp would drop the offset that a text names, and a cast with a named zone in the column
        would shift the texts after it that name none: each kind of text has its own cast, and a named zone is no time.
    -#}
    {%- else -%}
        {%- set time -%}
            case
                when {{ matches(text, local_time_pattern()) }} then try_cast({{ text }} as timestamp)
                when {{ matches(text, zoned_time_pattern()) }}
                then try_cast(replace(replace({{ text }}, ' +', '+'), ' -', '-') as timestamptz) at time zone 'UTC'
            end
        {%- endset -%}
    {%- endif -%}
    case when isfinite({{ time }}) then {{ time }} end
{% endmacro %}
