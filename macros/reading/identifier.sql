{% macro identifier(text) -%}
    {# an id as every table writes it: trimmed, a whole number without its zero fraction (3018.0 is 3018); null where nothing is left #}
    {%- set trimmed_text = trimmed(text) -%}
    nullif(
        case
            when contains({{ text }}, '.') and {{ matches(trimmed_text, "^-?[0-9]+\\.0+\\z") }}
            then {{ replace_all(trimmed_text, "\\.0+\\z") }}
            else {{ trimmed_text }}
        end,
        ''
    )
{%- endmacro %}
