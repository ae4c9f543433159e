{#
    The landing zone, made readable: one view a table in the schema `landing`, with exactly the contract's columns
    (_landing__sources.yml), typed, and three more:
        problem   the first thing wrong with the row (missing_<column>, bad_<column>); null where there is nothing
        file      the file, relative to the landing zone
        raw_row   the whole row as it was found, unknown columns included; whole_row() makes a JSON object of it
    Everything that reads files is here and in <engine>_files.sql; no model knows about files.
#}
{% macro land() %}
    {% if execute and flags.WHICH in ["build", "run", "seed", "test", "snapshot", "run-operation"] %}
        {% set tables = landing_contract() %}
        {% do run_query("create schema if not exists landing") %}
        {% do land_history() %}
        {% if is_taking_back() %} {% do ask_the_published() %} {% endif %}
        {% set found = [] %}
        {% for table in tables %}
            {% set files = landing_files(table) %}
            {% do create_landing_view(table, files, ("landed_" if is_taking_back() else "") ~ table.name) %}
            {% for file in files %}
                {% do found.append({"table": table.name, "file": file}) %}
            {% endfor %}
        {% endfor %}
        {% if is_taking_back() %} {% do narrow_to_those_in_question(tables) %} {% endif %}
        {% do record_landing_files(found) %}
    {% endif %}
{% endmacro %}


{% macro landing_contract() %}
    {#- the sources of the landing zone that are files, in the order of the contract -#}
    {% set tables = [] %}
    {% for node in graph.sources.values() if node.source_name == "landing" and node.name != "landing_files" %}
        {% set columns = [] %}
        {% for column in node.columns.values() %}
            {% set meta = column.config.meta if column.config and column.config.meta else column.meta %}
            {% do columns.append({
                "name": column.name,
                "type": column.data_type,
                "required": meta.get("required", false),
                "json_object": meta.get("json_object", false),
                "allowed": meta.get("allowed", []),
            }) %}
        {% endfor %}
        {% do tables.append({"name": node.name, "optional": node.config.meta.get("optional", false), "columns": columns}) %}
    {% endfor %}
    {{ return(tables | sort(attribute="name")) }}
{% endmacro %}


{% macro landing_error(table, where, what, fix) %}
    {% do exceptions.raise_compiler_error("landing zone, table " ~ table ~ ", " ~ where ~ ": " ~ what ~ " Fix: " ~ fix) %}
{% endmacro %}


{% macro landing_files(table) %}
    {#- the files of one table: each with its path, format and columns; checked against the contract -#}
    {% set root = landing_folder() %}
    {% set single = [] %}
    {% set drops = [] %}
    {% set listed = list_files(root, table.name) %}
    {% for file in listed %}
        {% set name = file.path.split("/") | last %}
        {#- _SUCCESS, .crc and the like are the marks of tools, not data -#}
        {% if not name.startswith(("_", ".")) %}
            {% if file.path.startswith(root ~ "/" ~ table.name ~ ".") and "/" in file.path[root | length + 1:] %}
                {% do landing_error(
                    table.name, "file " ~ file.path,
                    "it stands in a folder that is called like a file, so nobody reads it.",
                    "call the folder " ~ table.name ~ ".",
                ) %}
            {% elif not name.endswith((".parquet", ".csv")) %}
                {% do landing_error(
                    table.name, "file " ~ file.path,
                    "it is called like the table's data but ends neither in .parquet nor in .csv (in lower case), so nobody reads it.",
                    "deliver it in one of these formats, or move it away.",
                ) %}
            {% elif file.size == 0 %}
                {% do landing_error(
                    table.name, "file " ~ file.path,
                    "it is empty: not even a header.",
                    "deliver it again; a header without rows is legal.",
                ) %}
            {% endif %}
            {% do (drops if file.path.startswith(root ~ "/" ~ table.name ~ "/") else single).append(file.path) %}
        {% endif %}
    {% endfor %}
    {% set paths = single + drops %}
    {% if paths | length == 0 and not table.optional %}
        {% do landing_error(
            table.name, root,
            "found neither " ~ table.name ~ ".parquet nor " ~ table.name ~ ".csv nor a folder " ~ table.name ~ "/ with such files.",
            "point --raw (or the variable raw) at the landing zone; an empty file with the right header is legal.",
        ) %}
    {% elif paths | length == 0 %}
        {% do log("landing zone: there is no " ~ table.name ~ " (it is optional)", info=true) %}
    {% endif %}
    {% if single | length > 1 or (single and drops) %}
        {% do landing_error(
            table.name, root,
            "it is there more than once (" ~ single | join(", ") ~ (", " ~ table.name ~ "/" if drops else "") ~ "), and nothing says which one counts.",
            "keep one of them.",
        ) %}
    {% endif %}
    {% set paths = files_of_tonight(table.name, listed | selectattr("path", "in", paths) | list) | map(attribute="path") | list %}
    {% if is_taking_back() %}
        {% set paths = files_with_news(table.name, listed | selectattr("path", "in", paths) | list, single) %}
    {% endif %}
    {% set files = describe_files(paths) %}
    {% for file in files %}
        {% do check_header(table, file) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro check_header(table, file) %}
    {#- ends the night where a file's columns cannot be those of its table; what may be a row and not a header is not shown -#}
    {% set where = "file " ~ file.path %}
    {% set names = file.columns | map("lower") | list %}
    {% set wanted = table.columns | map(attribute="name") | list %}
    {% set known = names | select("in", wanted) | list %}
    {% if names | length == 0 %}
        {% do landing_error(table.name, where, "its first line is empty; the header must stand there.", "deliver it again with the header first.") %}
    {% elif "\x00" in names | join("") %}
        {% do landing_error(
            table.name, where, "there are NUL bytes in its header: it is no text in UTF-8 (UTF-16, perhaps).", "deliver it again in UTF-8."
        ) %}
    {% elif names | length == 1 and modules.re.search("[;\t|]", names[0]) %}
        {% do landing_error(
            table.name, where, "its header has no comma: the columns are separated by another character.", "deliver it again with commas."
        ) %}
    {% elif file.is_torn %}
        {% do landing_error(
            table.name, where, "its header is broken: a quote in it is never closed.", "deliver it again with the header in one line."
        ) %}
    {% endif %}
    {% for name in names if known and name not in wanted and modules.re.fullmatch("[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?|[0-9]{10}([0-9]{3}){0,2}", name) %}
        {% do landing_error(
            table.name, where,
            "a time stands among the names in its header: the first row stands in it, perhaps, and would be lost.",
            "deliver it again with a line break after the header; a column that is called like a time gets another name.",
        ) %}
    {% endfor %}
    {% for column in table.columns if column.required and column.name not in names %}
        {% do landing_error(
            table.name, where,
            "the required column " ~ column.name ~ " is missing"
            ~ (" (found: " ~ shown_columns(file.columns) ~ ")." if known else ": no name in its header is one of the table's; is there a header?"),
            "deliver the file again with that column, or remove the file from the landing zone.",
        ) %}
    {% endfor %}
    {% for name in known if known.count(name) > 1 %}
        {% do landing_error(
            table.name, where,
            "the column " ~ name ~ " is there " ~ known.count(name) ~ " times (upper and lower case are one), and nothing says which one counts.",
            "deliver the file again with one of them, or under different names.",
        ) %}
    {% endfor %}
{% endmacro %}


{% macro shown_columns(names, separator=", ") %}
    {#-
        The names of columns for people and logs. Where one of them looks like a value (it begins like a number or a time, or holds
        an @ or a brace, or is very long), the line may be a row, or a header and a row in one: then only how many there are.
    -#}
    {% set values = [] %}
    {% for name in names if modules.re.search("^[-+]?[0-9]|[@{]", name) or name | length > 64 %}
        {% do values.append(name) %}
    {% endfor %}
    {{ return(names | length ~ " that look like values" if values else names | join(separator)) }}
{% endmacro %}


{% macro create_landing_view(table, files, view) %}
    {% set sql %}
        create or replace view landing.{{ view }} as
        with
            {# <column>: the value in the contract's type, null where it does not fit; <column>_is_empty: nothing was given #}
            delivered as (
                {%- if files %}
                    {{ read_landing_table(table, files) }}
                {%- else %}
                    select
                        {%- for column in table.columns %}
                            cast(null as {{ engine_type(column.type) }}) as {{ column.name }},
                            true as {{ column.name }}_is_empty,
                        {%- endfor %}
                        cast(null as {{ text_type() }}) as file,
                        {{ no_raw_row() }} as raw_row
                    where false
                {%- endif %}
            )
        select
            {%- for column in table.columns %}
                {{ column.name }},
            {%- endfor %}
            case
                {%- for column in table.columns if column.required %}
                    when {{ column.name }}_is_empty then 'missing_{{ column.name }}'
                {%- endfor %}
                {%- for column in table.columns if column.type != "text" or column.json_object or column.allowed %}
                    when {{ column.name }} is null and not {{ column.name }}_is_empty then 'bad_{{ column.name }}'
                {%- endfor %}
            end as problem,
            file,
            raw_row
        from delivered
    {% endset %}
    {% do run_query(sql) %}
{% endmacro %}


{% macro landing_folder() %}
    {#- the landing zone, as it was named, without a slash at the end -#}
    {{ return(night_setting("raw").rstrip("/")) }}
{% endmacro %}


{% macro landing_columns(table, types) -%}
    {#- the first part of read_landing_table's query; types: of the files' columns, by name, in lower case #}
    {%- for column in table.columns %}
                    {{ landing_value(column, types.get(column.name)) }} as {{ column.name }},
                    {{ landing_is_empty(column, types.get(column.name)) }} as {{ column.name }}_is_empty,
    {%- endfor %}
{%- endmacro %}


{% macro landing_value(column, found_type) %}
    {#- a column's value in the contract's type, null where it does not fit; found_type: the file's type, in lower case -#}
    {%- set value = "delivered." ~ column.name -%}
    {%- set is_fraction = found_type in ("double", "float") or (found_type or "").startswith("decimal") -%}
    {%- if found_type is none -%} cast(null as {{ engine_type(column.type) }})
    {%- else -%}
        {%- set as_text = landing_text(value, found_type) -%}
        {%- set tidy = trim_of(as_text, white_space()) -%}
        {%- if column.allowed -%}
            case when {{ lowered(tidy) }} in ('{{ column.allowed | join("', '") }}') then {{ lowered(tidy) }} end
        {%- elif column.json_object -%} case when {{ is_json_object(as_text) }} then {{ as_text }} end
        {%- elif column.type == "text" -%} {{ as_text }}
        {%- elif column.type == "timestamp" -%} {{ landing_time(value, tidy, found_type) }}
        {%- elif column.type == "boolean" -%}
            {%- if found_type == "boolean" -%} {{ value }}
            {#- tools that know no missing boolean write 0.0 and 1.0 -#}
            {%- elif is_fraction -%} case {{ value }} when 1 then true when 0 then false end
            {%- else -%} try_cast({{ lowered(tidy) }} as boolean) {%- endif -%}
        {%- elif column.type == "integer" -%}
            {%- if is_fraction -%} case when {{ value }} = floor({{ value }}) then try_cast({{ value }} as integer) end
            {#- '3.7' is no whole number, though a cast would round it -#}
            {%- else -%} case when {{ matches(tidy, "^[+-]?[0-9]+\\z") }} then try_cast({{ tidy }} as integer) end
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro landing_is_empty(column, found_type) %}
    {#- whether nothing was given -#}
    {%- set value = "delivered." ~ column.name -%}
    {#- tools write a text that is missing from a column of numbers as not-a-number; an optional text may hold anything, white space too: what that means is for the rule of blank to say -#}
    {%- if found_type is none -%} true
    {%- elif column.type == "text" and found_type in ("double", "float") -%} ({{ value }} is null or isnan({{ value }}))
    {%- elif found_type == text_type() and (column.type != "text" or column.required or column.allowed or column.json_object) -%}
        ({{ value }} is null or {{ is_white_space(value) }})
    {%- else -%} {{ value }} is null
    {%- endif -%}
{% endmacro %}


{% macro landing_text(value, found_type) %}
    {#- a delivered value as text; an expression -#}
    {{ return(adapter.dispatch("landing_text", "sendworthy")(value, found_type)) }}
{% endmacro %}


{% macro landing_time(value, text, found_type) %}
    {#- a delivered value as a time in UTC, null where it is none; text: the same as trimmed text -#}
    {{ return(adapter.dispatch("landing_time", "sendworthy")(value, text, found_type)) }}
{% endmacro %}


{% macro first_time() %}
    {#- what programs that read the tables can hold: the years 1 to 9999 -#}
    {{- return("timestamp '0001-01-01 00:00:00'") -}}
{% endmacro %}

{% macro last_time() %}{{- return("timestamp '9999-12-31 23:59:59.999999'") -}}{% endmacro %}


{% macro year_pattern() %}
    {#- a year of four digits; there is no year 0 -#}
    {{- return("([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])") -}}
{% endmacro %}


{% macro local_time_pattern() %}
    {#- a time that names no offset: it is UTC -#}
    {{- return("^" ~ year_pattern() ~ "-[0-9]{2}-[0-9]{2}([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?)?\\z") -}}
{% endmacro %}


{% macro zoned_time_pattern() %}
    {#- a time with its offset from UTC, or with Z or UTC -#}
    {{- return("^" ~ year_pattern() ~ "-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.][0-9]*)?(Z| UTC| ?[+-][0-9]{2}(:?[0-9]{2})?)\\z") -}}
{% endmacro %}


{% macro record_landing_files(found) %}
    {% set known = {} %}
    {% for table in landing_contract() %}
        {% do known.update({table.name: table.columns | map(attribute="name") | list}) %}
    {% endfor %}
    {% set rows = [] %}
    {% for item in found %}
        {% set unknown = [] %}
        {% for column in item.file.columns if column | lower not in known[item.table] %}
            {% do unknown.append(column) %}
        {% endfor %}
        {% do rows.append([item.table, relative_to_landing(item.file.path), landed_on(item.file.path), shown_columns(unknown, ",")]) %}
        {% if unknown %}
            {% do log("landing zone: " ~ item.table ~ ", " ~ relative_to_landing(item.file.path) ~ ": ignored unknown columns: " ~ shown_columns(unknown), info=true) %}
        {% endif %}
    {% endfor %}
    {% do run_query("drop table if exists landing.landing_files") %}
    {% do run_query(
        "create table landing.landing_files as select cast(null as " ~ text_type() ~ ") as table_name, cast(null as "
        ~ text_type() ~ ") as file, cast(null as date) as landed_on, cast(null as " ~ text_type() ~ ") as unknown_columns where false"
    ) %}
    {% for chunk in rows | batch(500) %}
        {% set values = [] %}
        {% for row in chunk %}
            {% do values.append("(" ~ sql_text(row[0]) ~ ", " ~ sql_text(row[1]) ~ ", " ~ sql_text(row[2]) ~ ", " ~ sql_text(row[3]) ~ ")") %}
        {% endfor %}
        {% do run_query(
            "insert into landing.landing_files select table_name, file, try_cast(landed_on as date), unknown_columns from (values "
            ~ values | join(", ") ~ ") as found(table_name, file, landed_on, unknown_columns)"
        ) %}
    {% endfor %}
    {% do run_query("insert into landing.landing_files select table_name, file, landed_on, unknown_columns from history.files") %}
{% endmacro %}


{% macro relative_to_landing(path) %}
    {%- set root = landing_folder() ~ "/" -%}
    {{ return(path[root | length:] if path.startswith(root) else path) }}
{% endmacro %}


{% macro contract_columns_as_text(table_name, relation) %}
    {#- a complete order over a table's rows: each column of the contract as text, nulls as the smallest text -#}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == "landing" and node.name == table_name -%}
            {%- for column in node.columns.values() -%}
                coalesce(cast({{ relation }}.{{ column.name }} as {{ text_type() }}), ''){{ ", " if not loop.last }}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
