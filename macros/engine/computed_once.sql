{% macro computed_once() %}
    {#- behind `as` of a common table expression: it is computed once, however often it is used -#}
    {{ return(adapter.dispatch("computed_once", "sendworthy")()) }}
{% endmacro %}

{% macro duckdb__computed_once() %} {{ return("materialized") }}{% endmacro %}

{% macro spark__computed_once() %} {{ return("") }}{% endmacro %}
