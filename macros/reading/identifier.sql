{% macro identifier(text, is_trimmed=false) -%}
    {# an id as every table writes it: trimmed, a whole number without its zero fraction (3018.0 is 3018); null where nothing is left #}
    {%- set id = text if is_trimmed else trimmed(text) -%}
    nullif(
        case
            when contains({{ text }}, '.') and {{ matches(id, "^-?[0-9]+\\.0+\\z") }}
            then {{ replace_all(id, "\\.0+\\z") }}
            else {{ id }}
        end,
        ''
    )
{%- endmacro %}
