{#- Types and literals that engines spell differently. -#}
{% macro text_type() %}{{ return(adapter.dispatch("text_type", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__text_type() %}{{ return("varchar") }}{% endmacro %}


{% macro engine_type(contract_type) %}
    {#- a type of the landing contract in the engine's words -#}
    {{ return(text_type() if contract_type == "text" else contract_type) }}
{% endmacro %}


{% macro sql_text(value) %}
    {#- a text as a SQL literal -#}
    {{ return("'" ~ (value | string | replace("'", "''")) ~ "'") }}
{% endmacro %}
