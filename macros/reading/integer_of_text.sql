{% macro integer_of_text(text) -%}
    {# a whole number; 3.0 is 3, and 3.7 is none, though a cast would round it #}
    case
        when {{ matches(text, "^[+-]?[0-9]+([.]0*)?\\z") }}
        then try_cast({{ replace_all(text, "[.]0*\\z") }} as integer)
    end
{%- endmacro %}
