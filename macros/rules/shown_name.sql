{% macro shown_name(name) -%}
    {# a word of the data where it looks like a name that somebody gave to a thing: what stands in a column by mistake may be personal #}
    case when {{ matches(name, "^[a-z][a-z_/: -]{0,39}\\z") }} then {{ name }} else '(not shown)' end
{%- endmacro %}
