{#- What the view of a landing table says of each row: macros/reading has how a text is read, the contract what that means. -#}
{% macro create_landing_view(table, files, view, formats, words) %}
    {% set sql %}
        create or replace view landing.{{ view }} as
        with
            {%- for column in table.columns if column.words %}
            {{ column.name }}_words as ({{ source_words(words[column.words]) }}),
            {%- endfor %}

            {# <column>: the value, null where it cannot be read; <column>_is_given: something was given #}
            delivered as (
                {%- if files %}
                    {{ read_landing_table(table, files, formats) }}
                {%- else %}
                    select
                        {{ landing_columns(table, {}, formats, none) }}
                        cast(null as {{ text_type() }}) as file,
                        {{ no_raw_row() }} as raw_row
                    where false
                {%- endif %}
            ),

            translated as (
                select
                    {%- for column in table.columns %}
                        {{ translated_value(column) }} as {{ column.name }},
                        delivered.{{ column.name }}_is_given,
                        {%- if column.last_moment %} delivered.{{ column.last_moment }}, {%- endif %}
                    {%- endfor %}
                    {%- if table.keeps_given_columns %} delivered.given_columns, {%- endif %}
                    delivered.file,
                    delivered.raw_row
                from delivered
                {%- for column in table.columns if column.words %}
                    left join {{ column.name }}_words on delivered.{{ column.name }} = {{ column.name }}_words.source_word
                {%- endfor %}
            )
        select
            {%- set problems = [] %}
            {%- set unreadable = [] %}
            {%- for column in table.columns %}
                {%- set is_unreadable = column.name ~ " is null and " ~ column.name ~ "_is_given" %}
                {%- set meaning = every_topic() if column.topics else column.if_unreadable %}
                {%- if column.required %}
                    {%- do problems.append("when not " ~ column.name ~ "_is_given then 'missing_" ~ column.name ~ "'") %}
                {%- endif %}
                {%- if column.required and not meaning %}
                    {%- do problems.append("when " ~ is_unreadable ~ " then 'bad_" ~ column.name ~ "'") %}
                {%- else %}
                    {%- do unreadable.append("case when " ~ is_unreadable ~ " then '" ~ column.name ~ "' end") %}
                {%- endif %}
                {% if meaning -%} case when {{ is_unreadable }} then {{ meaning }} else {{ column.name }} end as {% endif -%} {{ column.name }},
                {%- if column.last_moment %} {{ column.last_moment }}, {%- endif %}
            {%- endfor %}
            {%- if table.keeps_given_columns %} given_columns, {%- endif %}
            case {{ problems | join(" ") }} end as problem,
            {{ list_or_null(unreadable) }} as unreadable_columns,
            file,
            raw_row
        from translated
    {% endset %}
    {% do run_query(sql) %}
{% endmacro %}


{% macro create_row_counts(found) %}
    {#- the view landing.row_counts: how many rows each file has, counted in the file itself and not in what was read of it -#}
    {% set queries = ["select cast(null as " ~ text_type() ~ ") as table_name, cast(null as " ~ text_type() ~ ") as file, cast(0 as bigint) as rows_in where false"] %}
    {% for item in found if item.files %}
        {% do queries.append(
            "select '" ~ item.table.name ~ "' as table_name, file, count(*) as rows_in from (" ~ read_files(item.table, item.files) ~ ") as delivered group by file"
        ) %}
    {% endfor %}
    {% do run_query("create or replace view landing.row_counts as " ~ queries | join(" union all ")) %}
{% endmacro %}


{% macro list_or_null(expressions) -%}
    {#- those of the expressions that are not null, as a list; null where all of them are -#}
    {%- if expressions -%}
    case when coalesce({{ expressions | join(", ") }}) is not null then {{ list_of(expressions) }} end
    {%- else -%}
    cast(null as {{ text_list_type() }})
    {%- endif -%}
{%- endmacro %}


{% macro source_words(rows) %}
    {#- a query: a source's words, normalized (source_word), and what they mean (word) -#}
    {% set values = [] %}
    {% for row in rows %}
        {% do values.append("(" ~ sql_text(row[0]) ~ ", " ~ sql_text(row[1]) ~ ")") %}
    {% endfor %}
    select distinct {{ normalized_name("source_word") }} as source_word, {{ normalized_name("word") }} as word
    from (values {{ values | join(", ") or "('', '')" }}) as written(source_word, word)
    where source_word <> ''
{% endmacro %}


{% macro translated_value(column) %}
    {#- a column's value after the seed's translation, null where it is none of the words that fit -#}
    {%- set value = "delivered." ~ column.name -%}
    {%- if column.words -%} {%- set value = "coalesce(" ~ column.name ~ "_words.word, " ~ value ~ ")" -%} {%- endif -%}
    {%- if column.allowed -%} case when {{ value }} in ({{ sql_texts(column.allowed) }}) then {{ value }} end
    {%- else -%} {{ value }}
    {%- endif -%}
{% endmacro %}


{% macro landing_folder() %}
    {#- the landing zone, as it was named, without a slash at the end -#}
    {{ return(night_setting("raw").rstrip("/")) }}
{% endmacro %}


{% macro landing_columns(table, types, formats, file) -%}
    {#-
        the first part of read_landing_table's query; types: of the files' columns, by name, in lower case, or `folder` where the
        column stands in the folder's name; file: an expression, the path
    #}
    {%- set given = [] -%}
    {%- for column in table.columns %}
        {%- set type = types.get(column.name) %}
        {%- set format = formats.get(table.name ~ "." ~ column.name) %}
        {%- set value = folder_value(file, column.name) if type == "folder" else "delivered." ~ column.name %}
        {%- set kind = "text" if type == "folder" else type_kind(type) %}
        {%- if type %} {%- do given.append("'" ~ column.name ~ "'") %} {%- endif %}
                    {{ landing_value(column, value, kind, type, format) }} as {{ column.name }},
                    {{ landing_is_given(column, value, kind, type) }} as {{ column.name }}_is_given,
        {%- if column.last_moment %}
                    {{ landing_last_moment(column, value, kind, type, format) }} as {{ column.last_moment }},
        {%- endif %}
    {%- endfor %}
    {%- if table.keeps_given_columns %}
                    {{ list_of(given) if given else empty_list() }} as given_columns,
    {%- endif %}
{%- endmacro %}


{% macro type_kind(type) %}
    {#- what a file's type is to its reader: text, bytes, fraction, whole, boolean, time, date, object or list; none where there is no such column -#}
    {% if type is none %} {{ return(none) }}
    {% elif type.endswith("]") or type.startswith("array") %} {{ return("list") }}
    {% elif type.startswith(("struct", "map", "union")) %} {{ return("object") }}
    {% elif type in ("blob", "binary", "bytea") %} {{ return("bytes") }}
    {% elif type in ("double", "float") or type.startswith("decimal") %} {{ return("fraction") }}
    {% elif type in ("tinyint", "smallint", "int", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "byte", "short", "long") %} {{ return("whole") }}
    {% elif type == "boolean" or type == "date" %} {{ return(type) }}
    {% elif type.startswith("timestamp") %} {{ return("time") }}
    {% endif %}
    {{ return("text") }}
{% endmacro %}


{% macro landing_value(column, value, kind, type, format) %}
    {#- a column's value in the contract's type, null where it cannot be read -#}
    {%- set nothing = "cast(null as " ~ engine_type(column.type) ~ ")" -%}
    {%- if kind is none -%} {{ nothing }}
    {%- elif column.topics and kind == "list" -%} {{ topics_of_list(value) }}
    {%- elif column.json_object and kind == "object" -%} {{ json_of_object(value) }}
    {%- elif kind in ("list", "object") -%} {{ nothing }}
    {%- else -%}
        {%- set text = landing_text(value, kind, type) -%}
        {%- if column.topics -%} {{ topics_of_text(trimmed(text)) }}
        {%- elif column.identifier -%} {{ identifier(text) }}
        {%- elif column.words or column.allowed -%} {{ normalized_name(text) }}
        {%- elif column.json_object -%} case when {{ is_json_object(text) }} then {{ text }} end
        {%- elif column.type == "timestamp" -%} {{ landing_time(value, trimmed(text), kind, type, format) }}
        {%- elif column.type == "boolean" -%}
            {%- if kind == "boolean" -%} {{ value }}
            {%- else -%} {{ boolean_of_text(trimmed(text), format.split("|") if format else none) }}
            {%- endif -%}
        {%- elif column.type == "integer" -%} {{ integer_of_text(plain_number(trimmed(text), format)) }}
        {%- else -%} {{ text }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro landing_is_given(column, value, kind, type) %}
    {#- whether anything was given; null words are nothing in a column that is no text, and an optional text may hold anything: what white space means there is for the rule of blank to say -#}
    {%- if kind is none -%} false
    {%- elif kind == "fraction" and column.type == "text" and type in ("double", "float") -%}
        {#- tools write a text that is missing from a column of numbers as not-a-number -#}
        ({{ value }} is not null and not isnan({{ value }}))
    {%- elif kind not in ("text", "bytes") -%} {{ value }} is not null
    {%- elif column.type == "text" and not (column.json_object or column.required or column.identifier or column.allowed) -%} {{ value }} is not null
    {%- else -%}
        {#- bytes that are no text were given, too -#}
        {%- set text = "coalesce(" ~ trimmed(landing_text(value, kind, type)) ~ ", '?')" -%}
        {{ value }} is not null and {{ text }} {% if column.type in ("text", "list(text)") and not column.json_object -%} <> '' {%- else -%} not in ('', 'NULL', {{ sql_text("\\N") }}, 'None') {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro landing_text(value, kind, type) %}
    {#- a delivered value as text, whole numbers without a fraction; null for bytes that are not UTF-8 -#}
    {%- set as_text = "cast(" ~ value ~ " as " ~ text_type() ~ ")" -%}
    {%- if kind == "bytes" -%} {{ text_of_bytes(value) }}
    {%- elif kind == "fraction" -%}
        {#- also false for what is no number #}
        case
            when abs({{ value }}) < 1e18 and {{ value }} = floor({{ value }}) then cast(cast({{ value }} as decimal(18, 0)) as {{ text_type() }})
            else {{ as_text }}
        end
    {%- elif type == "varchar" or type == "string" or type == "folder" -%} {{ value }}
    {%- else -%} {{ as_text }}
    {%- endif -%}
{% endmacro %}


{% macro landing_time(value, text, kind, type, format) %}
    {#- a delivered value as a time in UTC, null where it is none; text: the same as trimmed text -#}
    {%- if kind in ("time", "date") -%} {%- set time = time_of_type(value, type) -%}
    {%- elif format -%} {%- set time = "coalesce(" ~ time_in_format(text, format) ~ ", " ~ landing_time_of_text(value, text, type) ~ ")" -%}
    {%- else -%} {%- set time = landing_time_of_text(value, text, type) -%}
    {%- endif -%}
    case when {{ time }} between {{ first_time() }} and {{ last_time() }} then {{ time }} end
{% endmacro %}


{% macro landing_last_moment(column, value, kind, type, format) %}
    {#- the last moment that a time can mean: that of the day where a date stands alone -#}
    {%- set time = landing_value(column, value, kind, type, format) -%}
    {%- if kind == "date" -%} {{ last_moment_of_day(time) }}
    {%- elif kind == "text" or kind == "bytes" -%}
        {%- set text = trimmed(landing_text(value, kind, type)) -%}
        case
            when {{ is_date_alone(text) }} {%- if format and "%H" not in format %} or {{ time_in_format(text, format) }} is not null {%- endif %}
            then {{ last_moment_of_day(time) }}
            else {{ time }}
        end
    {%- else -%} {{ time }}
    {%- endif -%}
{% endmacro %}
