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


{% macro dispatch_identifier(text, is_trimmed=false) -%}
    {# the id of a dispatch, as we write it where it has the form of ours: an ESP may give it back in capitals, or as a UUID #}
    {%- set id = text if is_trimmed else trimmed(text) -%}
    case
        when {{ matches(id, "^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\\z") }}
        then lower(replace({{ id }}, '-', ''))
        else {{ identifier(text, is_trimmed) }}
    end
{%- endmacro %}
