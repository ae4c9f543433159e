{#-
    What the views of a landing table say of each row, in three steps: what every kind of file gives, as text (<table>_delivered);
    trimmed (<table>_trimmed); read (<table>, with macros/reading). The contract says what it means where a value cannot be read.
-#}
{% macro create_landing_views(table, files, view, formats) %}
    {% do run_query("create or replace view landing." ~ view ~ "_delivered as " ~ delivered_rows(table, files)) %}
    {% do run_query("create or replace view landing." ~ view ~ "_trimmed as " ~ trimmed_rows(table, view)) %}
    {% do run_query("create or replace view landing." ~ view ~ " as " ~ read_rows(table, view, formats)) %}
{% endmacro %}


{% macro delivered_rows(table, files) %}
    {#- a query over all files of a table: what landing_columns says of each column, file, raw_row -#}
    {%- if files -%} {{ read_landing_table(table, files) }}
    {%- else -%}
        select
            {{ landing_columns(table, {}, none) }}
            cast(null as {{ text_type() }}) as file,
            {{ no_raw_row() }} as raw_row
        where false
    {%- endif -%}
{% endmacro %}


{% macro trimmed_rows(table, view) %}
    select
        {%- for column in table.columns %}
            {{ column.name }}_is_given,
            {%- if column.type == "timestamp" %} {{ column.name }}_time, {%- endif %}
            {% if is_kept_as_written(column) -%} {{ column.name }}_text
            {%- else -%} {{ trimmed(column.name ~ "_text") }} as {{ column.name }}_text
            {%- endif -%},
        {%- endfor %}
        {%- if table.keeps_given_columns %} given_columns, {%- endif %}
        file,
        raw_row
    from landing.{{ view }}_delivered
{% endmacro %}


{% macro read_rows(table, view, formats) %}
    with
        {# <column>: the value, null where it cannot be read; <column>_is_given: something was given #}
        readings as (
            select
                {%- for column in table.columns %}
                    {%- set format = formats.get(table.name ~ "." ~ column.name) %}
                    {{ read_value(column, format) }} as {{ column.name }},
                    {{ is_given(column) }} as {{ column.name }}_is_given,
                    {%- if column.last_moment %}
                        {{ is_whole_day(column, format) }} as {{ column.name }}_is_whole_day,
                    {%- endif %}
                {%- endfor %}
                {%- if table.keeps_given_columns %} given_columns, {%- endif %}
                file,
                raw_row
            from landing.{{ view }}_trimmed
        ),

        translated as (
            select
                {%- for column in table.columns %}
                    {{ translated_value(column) }} as {{ column.name }},
                    readings.{{ column.name }}_is_given,
                    {%- if column.last_moment %} readings.{{ column.name }}_is_whole_day, {%- endif %}
                {%- endfor %}
                {%- if table.keeps_given_columns %} readings.given_columns, {%- endif %}
                readings.file,
                readings.raw_row
            from readings
            {%- for column in table.columns if column.words %}
                left join
                    landing.words as {{ column.name }}_words
                    on {{ column.name }}_words.seed_name = '{{ column.words }}'
                    and readings.{{ column.name }} = {{ column.name }}_words.source_word
            {%- endfor %}
        )
    select
        {%- set missing = [] %}
        {%- set bad = [] %}
        {%- set unreadable = [] %}
        {%- for column in table.columns %}
            {%- set is_unreadable = column.name ~ " is null and " ~ column.name ~ "_is_given" %}
            {%- set meaning = every_topic() if column.topics else column.if_unreadable %}
            {%- if column.required %}
                {%- do missing.append("when not " ~ column.name ~ "_is_given then 'missing_" ~ column.name ~ "'") %}
            {%- endif %}
            {%- if column.required and not meaning %}
                {%- do bad.append("when " ~ is_unreadable ~ " then 'bad_" ~ column.name ~ "'") %}
            {%- else %}
                {%- do unreadable.append("case when " ~ is_unreadable ~ " then '" ~ column.name ~ "' end") %}
            {%- endif %}
            {% if meaning -%}
                case when {{ is_unreadable }} then {{ meaning }} else {{ column.name }} end as
            {% endif -%} {{ column.name }},
            {%- if column.last_moment %}
                case
                    when {{ column.name }}_is_whole_day
                    then {{ last_moment_of_day(column.name) }}
                    else {{ column.name }}
                end as {{ column.last_moment }},
            {%- endif %}
        {%- endfor %}
        {%- if table.keeps_given_columns %} given_columns, {%- endif %}
        case {{ (missing + bad) | join(" ") }} end as problem,
        {{ list_or_null(unreadable) }} as unreadable_columns,
        file,
        raw_row
    from translated
{% endmacro %}


{% macro create_row_counts(tables) %}
    {#- the view landing.row_counts: how many rows each file has, counted before anything of them is read -#}
    {% set queries = [] %}
    {% for table in tables %}
        {% do queries.append(
            "select '" ~ table.name ~ "' as table_name, file, count(*) as rows_in from landing." ~ view_of_files(table) ~ "_delivered group by file"
        ) %}
    {% endfor %}
    {% do run_query("create or replace view landing.row_counts as " ~ queries | join(" union all ")) %}
{% endmacro %}


{% macro view_of_files(table) %}
    {#- the view of what the files of a table hold; where messages are taken back, landing.<table> has more and less than that -#}
    {{- return(("landed_" if is_taking_back() else "") ~ table.name) -}}
{% endmacro %}


{% macro list_or_null(expressions) -%}
    {#- those of the expressions that are not null, as a list; null where all of them are -#}
    {%- if expressions -%}
        case when coalesce({{ expressions | join(", ") }}) is not null then {{ list_of(expressions) }} end
    {%- else -%} cast(null as {{ text_list_type() }})
    {%- endif -%}
{%- endmacro %}


{% macro create_words(seeds) %}
    {#- the table landing.words: the words of sources, normalized (source_word), and what the seeds say that they mean (word) -#}
    {% set values = [] %}
    {% for seed in ["event_names", "ticket_statuses", "report_types", "report_channels"] %}
        {% for source_word, word in seed_rows(seed, seeds) %}
            {% do values.append("(" ~ sql_texts([seed, source_word, word]) ~ ")") %}
        {% endfor %}
    {% endfor %}
    {% set sql %}
        create table landing.words as
        select distinct seed_name, {{ normalized_name("source_word") }} as source_word, {{ normalized_name("word") }} as word
        from (values {{ values | join(", ") or "('', '', '')" }}) as written(seed_name, source_word, word)
    {% endset %}
    {% do run_query("drop table if exists landing.words") %}
    {% do run_query(sql) %}
{% endmacro %}


{% macro translated_value(column) %}
    {#- a column's value after the seed's translation, null where it is none of the words that fit, or a time that programs cannot hold -#}
    {%- set value = "readings." ~ column.name -%}
    {%- if column.words -%}
        {%- set value = "coalesce(" ~ column.name ~ "_words.word, " ~ value ~ ")" -%}
    {%- endif -%}
    {%- if column.allowed -%} case when {{ value }} in ({{ sql_texts(column.allowed) }}) then {{ value }} end
    {%- elif column.type == "timestamp" -%}
        case when {{ value }} between {{ first_time() }} and {{ last_time() }} then {{ value }} end
    {%- else -%} {{ value }}
    {%- endif -%}
{% endmacro %}


{% macro landing_folder() %}
    {#- the landing zone, as it was named, without a slash at the end -#}
    {{ return(night_setting("raw").rstrip("/")) }}
{% endmacro %}


{% macro landing_columns(table, types, file) -%}
    {#-
        the first part of read_landing_table's query: <column>_text and <column>_is_given, of times <column>_time too. types: of the
        files' columns, by name, in lower case, or `folder` where the column stands in the folder's name; file: an expression, the path
    #}
    {%- set given = [] -%}
    {%- for column in table.columns %}
        {%- set type = types.get(column.name) %}
        {%- set value = folder_value(file, column.name) if type == "folder" else "delivered." ~ column.name %}
        {%- set kind = type_kind(type) %}
        {%- if type %} {%- do given.append("'" ~ column.name ~ "'") %} {%- endif %}
        {%- if column.type == "timestamp" %}
            {{ landing_time(value, kind, type) }} as {{ column.name }}_time,
        {%- endif %}
        {{ landing_text(column, value, kind, type) }} as {{ column.name }}_text,

        {% if kind is none -%} false
        {%- elif type in ("double", "float") and column.type == "text" -%}
            ({{ value }} is not null and not isnan({{ value }}))
        {%- else -%} {{ value }} is not null
        {%- endif %} as {{ column.name }}_is_given,
    {%- endfor %}
    {%- if table.keeps_given_columns %}
        {{ list_of(given) if given else empty_list() }} as given_columns,
    {%- endif %}
{%- endmacro %}


{% macro type_kind(type) %}
    {#- what a file's type is to its reader: text, bytes, fraction, time, object, list or other; none where there is no such column -#}
    {% if type is none %} {{ return(none) }}
    {% elif type.endswith("]") or type.startswith("array") %} {{ return("list") }}
    {% elif type.startswith(("struct", "map", "union")) %} {{ return("object") }}
    {% elif type in ("blob", "binary", "bytea") %} {{ return("bytes") }}
    {% elif type in ("double", "float") or type.startswith("decimal") %} {{ return("fraction") }}
    {% elif type.startswith("timestamp") %} {{ return("time") }}
    {% elif type in ("varchar", "string", "folder") %} {{ return("text") }}
    {% endif %}
    {{ return("other") }}
{% endmacro %}


{% macro landing_text(column, value, kind, type) %}
    {#- a delivered value as text, whole numbers without a fraction; null for bytes that are not UTF-8, and for a list or an object where none is wanted -#}
    {%- set nothing = "cast(null as " ~ text_type() ~ ")" -%}
    {%- if kind is none or (kind == "time" and column.type == "timestamp") -%} {{ nothing }}
    {%- elif kind == "text" -%} {{ value }}
    {%- elif kind == "bytes" -%} {{ text_of_bytes(value) }}
    {%- elif kind == "object" or kind == "list" -%}
        {%- if (kind == "object" and column.json_object) or (kind == "list" and column.topics) -%}
            {{ json_text(value) }}
        {%- else -%} {{ nothing }}
        {%- endif -%}
    {%- elif kind == "fraction" -%}
        case
            {#- tools write a text that is missing from a column of numbers as not-a-number #}
            {% if column.type == "text" and type in ("double", "float") -%} when isnan({{ value }}) then null
            {%- endif %}
            {#- a fraction of this size stands for several whole numbers: whose id it was, nobody knows #}
            {% if column.identifier and type in ("double", "float") -%}
                when abs({{ value }}) >= {{ 16777216 if type == "float" else 9007199254740992 }} then null
            {%- endif %}
            when abs({{ value }}) < 1e18 and {{ value }} = floor({{ value }})
            then cast(cast({{ value }} as decimal(18, 0)) as {{ text_type() }})
            else cast({{ value }} as {{ text_type() }})
        end
    {%- else -%} cast({{ value }} as {{ text_type() }})
    {%- endif -%}
{% endmacro %}


{% macro landing_time(value, kind, type) %}
    {#- a delivered value that is a time by its type, in UTC; null for any other -#}
    {{ return(adapter.dispatch("landing_time", "sendworthy")(value, kind, type)) }}
{% endmacro %}


{% macro is_kept_as_written(column) %}
    {#- whether a column is a text that may hold anything: what white space means there is for the rule of blank to say -#}
    {{ return(
        column.type == "text" and not (column.required or column.identifier or column.words or column.allowed or column.json_object)
    ) }}
{% endmacro %}


{% macro read_value(column, format) %}
    {#- a column's value in the contract's type, null where it cannot be read; format: how the source says that it writes it -#}
    {%- set text = column.name ~ "_text" -%}
    {%- if column.topics -%} {{ topics_of_text(text) }}
    {%- elif column.identifier == "dispatch_id" -%} {{ dispatch_identifier(text, is_trimmed=true) }}
    {%- elif column.identifier -%} {{ identifier(text, is_trimmed=true) }}
    {%- elif column.words or column.allowed -%} {{ normalized_name(text, is_trimmed=true) }}
    {%- elif column.json_object -%} case when {{ is_json_object(text) }} then {{ text }} end
    {%- elif column.type == "timestamp" -%}
        coalesce(
            {{ column.name }}_time,
            {% if format %} {{ time_in_format(text, format) }},
            {% endif %} {{ time_of_text(text) }}
        )
    {%- elif column.type == "boolean" -%} {{ boolean_of_text(text, format.split("|") if format else none) }}
    {%- elif column.type == "integer" and format -%}
        coalesce({{ integer_of_text(plain_number(text, format)) }}, {{ integer_of_text(text) }})
    {%- elif column.type == "integer" -%} {{ integer_of_text(text) }}
    {%- else -%} {{ text }}
    {%- endif -%}
{% endmacro %}


{% macro is_given(column) %}
    {#- whether anything was given; null words are nothing in a column that is no text -#}
    {%- set text = column.name ~ "_text" -%}
    {%- if is_kept_as_written(column) -%} {{ column.name }}_is_given
    {%- elif column.type in ("text", "list(text)") and not column.json_object -%}
        {{ column.name }}_is_given and coalesce({{ text }}, '?') <> ''
    {%- else -%}
        {{ column.name }}_is_given
        and coalesce({{ text }}, '?') not in ('', 'NULL', {{ sql_text("\\N") }}, 'None')
    {%- endif -%}
{% endmacro %}


{% macro is_whole_day(column, format) %}
    {#- whether a time is a date alone -#}
    {%- set text = column.name ~ "_text" -%}
    {{ is_date_alone(text) }}
    {%- if format and "%H" not in format %} or {{ time_in_format(text, format) }} is not null {%- endif -%}
{% endmacro %}
