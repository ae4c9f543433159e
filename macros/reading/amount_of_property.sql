{% macro amount_of_property(table_name, key) -%}
    {# a number among the properties of an event, or a text that is one as seeds/source_formats.csv says that the source writes it #}
    {%- set format = source_formats().get(table_name ~ ".properties." ~ key) if execute -%}
    {%- if format -%}
        coalesce(
            {{ json_number("properties", key) }},
            {{ number_of_text(plain_number(trimmed(json_string("properties", key)), format)) }}
        )
    {%- else -%} {{ json_number("properties", key) }}
    {%- endif -%}
{%- endmacro %}
