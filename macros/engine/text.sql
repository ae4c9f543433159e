{#- Regular expressions and hashes. Patterns keep to what RE2 and Java both know: classes, no look-arounds. -#}
{% macro matches(text, pattern) %}
    {#- whether the pattern occurs in the text; null for null -#}
    {{ return(adapter.dispatch("matches", "sendworthy")(text, pattern)) }}
{% endmacro %}

{% macro duckdb__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}


{% macro replace_all(text, pattern) %}
    {#- the text without anything that the pattern matches -#}
    {{ return(adapter.dispatch("replace_all", "sendworthy")(text, pattern)) }}
{% endmacro %}

{% macro duckdb__replace_all(text, pattern) %}regexp_replace({{ text }}, '{{ pattern }}', '', 'g'){% endmacro %}


{% macro is_in_column(value, relation, column) %}
    {#- whether a column of a small relation holds the value; false for null -#}
    {{ return(adapter.dispatch("is_in_column", "sendworthy")(value, relation, column)) }}
{% endmacro %}

{% macro duckdb__is_in_column(value, relation, column) %}coalesce({{ value }} in (select {{ column }} from {{ relation }}), false){% endmacro %}


{% macro hash_number(text) %}
    {#- the first 8 hex digits of the md5 of a text, as a number -#}
    {{ return(adapter.dispatch("hash_number", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__hash_number(text) %}cast('0x' || substr(md5({{ text }}), 1, 8) as bigint){% endmacro %}


{% macro date_text(time) %}
    {#- YYYY-MM-DD -#}
    {{ return(adapter.dispatch("date_text", "sendworthy")(time)) }}
{% endmacro %}

{% macro duckdb__date_text(time) %}strftime({{ time }}, '%Y-%m-%d'){% endmacro %}


{% macro iso_text(time) %}
    {#- YYYY-MM-DDThh:mm:ssZ -#}
    {{ return(adapter.dispatch("iso_text", "sendworthy")(time)) }}
{% endmacro %}

{% macro duckdb__iso_text(time) %}strftime({{ time }}, '%Y-%m-%dT%H:%M:%SZ'){% endmacro %}


{% macro fail_with(message) %}
    {#- an expression that ends the night with a message -#}
    {{ return(adapter.dispatch("fail_with", "sendworthy")(message)) }}
{% endmacro %}

{% macro duckdb__fail_with(message) %}error({{ sql_text(message) }}){% endmacro %}


{% macro white_space() %}
    {#- what is trimmed from a value before it is read: space, tab, line feed, vertical tab, form feed, carriage return -#}
    {{- return("' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)") -}}
{% endmacro %}
