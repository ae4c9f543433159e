{% macro amount_of_property(table_name, key) -%}
    {# a number among the properties of an event; one that the source writes in its own way is read where seeds/source_formats.csv declares it #}
    {%- set format = source_formats().get(table_name ~ ".properties." ~ key) if execute -%}
    {%- if format -%} {{ number_of_text(plain_number(trimmed(json_scalar("properties", key)), format)) }}
    {%- else -%} {{ json_number("properties", key) }}
    {%- endif -%}
{%- endmacro %}
