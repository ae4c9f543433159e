{#- What a source writes in its own way, as seeds/source_formats.csv declares it: nothing is guessed. -#}
{% macro source_formats(folder=none) %}
    {#- {"<table>.<column>": format} -#}
    {% set formats = {} %}
    {% for table_name, column_name, format in seed_rows("source_formats", folder) %}
        {% do formats.update({table_name ~ "." ~ column_name: format}) %}
    {% endfor %}
    {{ return(formats) }}
{% endmacro %}


{% macro seed_rows(name, folder=none) %}
    {#- the rows of a seed's file, for what is read before the seeds are loaded; folder: where it is, if not among the project's seeds -#}
    {% set path = (folder or invocation_args_dict.project_dir ~ "/seeds") ~ "/" ~ name ~ ".csv" %}
    {{ return(adapter.dispatch("seed_rows", "sendworthy")(path)) }}
{% endmacro %}

{% macro duckdb__seed_rows(path) %}
    {% set path = sql_text(duckdb__no_pattern(path)) %}
    {{ return(run_query(
        "select * from read_csv(" ~ path ~ ", header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
    ).rows | list) }}
{% endmacro %}

{% macro spark__seed_rows(path) %}
    {% do run_query("create or replace temporary view sendworthy_seed " ~ spark__reader("csv", [path])) %}
    {{ return(run_query("select * from sendworthy_seed").rows | list) }}
{% endmacro %}


{% macro time_in_format(text, format) %}
    {#- a text as a time, in a format of %d %m %Y %H %M %S; null where it does not fit -#}
    {{ return(adapter.dispatch("time_in_format", "sendworthy")(text, format)) }}
{% endmacro %}

{% macro duckdb__time_in_format(text, format) %}
    try_strptime({{ text }}, {{ sql_text(format) }})
{% endmacro %}

{% macro spark__time_in_format(text, format) %}
    {%- set pattern = format | replace("%d", "dd") | replace("%m", "MM") | replace("%Y", "yyyy") | replace("%H", "HH") | replace("%M", "mm") | replace("%S", "ss") -%}
    try_to_timestamp({{ text }}, {{ sql_text(pattern) }})
{% endmacro %}


{% macro plain_number(text, format) %}
    {#- a number as the rest of the world writes it, null where the text is not written so; format: how the source writes 1234.56 (1.234,56) -#}
    {%- set thousands, decimal = format[1], format[-3] -%}
    {%- set pattern = "^[+-]?([0-9]+|[0-9]{1,3}([" ~ thousands ~ "][0-9]{3})+)([" ~ decimal ~ "][0-9]*)?\\z" -%}
    case
        when {{ matches(text, pattern) }}
        then replace(replace({{ text }}, {{ sql_text(thousands) }}, ''), {{ sql_text(decimal) }}, '.')
    end
{% endmacro %}
