{% macro score_of_feedback(text) -%}
    {# the text of a property as a score from 0 to 10, null where it is none #}
    {%- set format = source_formats().get("events.properties.score") if execute -%}
    {%- set number = number_of_text(trimmed(text)) -%}
    {%- if format -%}
        {%- set number = "coalesce(" ~ number_of_text(plain_number(trimmed(text), format)) ~ ", " ~ number ~ ")" -%}
    {%- endif -%}
    case when {{ number }} between 0 and 10 then {{ number }} end
{%- endmacro %}


{% macro number_of_text(text) -%}
    {# a trimmed text as a number, null where it is none #}
    case
        when {{ matches(text, "^[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]{1,2})?\\z") }}
        then try_cast({{ text }} as double)
    end
{%- endmacro %}
