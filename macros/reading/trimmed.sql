{% macro trimmed(text) %}
    {# without white space and invisible characters at both ends #}
    {{ return(adapter.dispatch("trimmed", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__trimmed(text) -%}
    {# almost every text begins and ends with a visible ASCII character, and looking at two of them costs a fifth of a pattern #}
    case
        when ord({{ text }}) between 33 and 126 and ord({{ text }} [-1]) between 33 and 126
        then {{ text }}
        else {{ replace_all(text, edge_pattern()) }}
    end
{%- endmacro %}

{% macro spark__trimmed(text) -%}
    {%- set invisible = "[" ~ invisible_characters() ~ "]" -%}
    case
        when {{ matches(text, "^" ~ invisible ~ "|" ~ invisible ~ "\\z") }}
        then {{ replace_all(text, edge_pattern()) }}
        else {{ text }}
    end
{%- endmacro %}


{% macro edge_pattern() %}
    {# white space and invisible characters at both ends of a text #}
    {%- set invisible = "[" ~ invisible_characters() ~ "]" -%}
    {{- return("^" ~ invisible ~ "+|" ~ invisible ~ "+\\z") -}}
{% endmacro %}
