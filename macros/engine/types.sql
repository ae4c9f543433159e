{#- Types and literals that engines spell differently. -#}
{% macro text_type() %} {{ return(adapter.dispatch("text_type", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__text_type() %} {{ return("varchar") }}{% endmacro %}

{% macro spark__text_type() %} {{ return("string") }}{% endmacro %}


{% macro text_list_type() %} {{ return(adapter.dispatch("text_list_type", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__text_list_type() %} {{ return("varchar[]") }}{% endmacro %}

{% macro spark__text_list_type() %} {{ return("array<string>") }}{% endmacro %}


{% macro json_text_type() %}
    {#- of a text that is JSON -#}
    {{ return(adapter.dispatch("json_text_type", "sendworthy")()) }}
{% endmacro %}

{% macro duckdb__json_text_type() %} {{ return("json") }}{% endmacro %}

{% macro spark__json_text_type() %} {{ return("string") }}{% endmacro %}


{% macro engine_type(contract_type) %}
    {#- a type of the landing contract, list(text) or json, in the engine's words -#}
    {{ return({"text": text_type(), "list(text)": text_list_type(), "json": json_text_type()}.get(contract_type, contract_type)) }}
{% endmacro %}


{% macro sql_text(value) %}
    {#- a text as a SQL literal -#}
    {{ return(adapter.dispatch("sql_text", "sendworthy")(value)) }}
{% endmacro %}

{% macro duckdb__sql_text(value) %}
    {{ return("'" ~ (value | string | replace("'", "''")) ~ "'") }}
{% endmacro %}

{% macro spark__sql_text(value) %}
    {#- Spark reads backslashes in a literal, and puts the value of a setting where it finds ${...} -#}
    {{ return("'" ~ (value | string | replace("\\", "\\\\") | replace("'", "\\'") | replace("${", "\\u0024{")) ~ "'") }}
{% endmacro %}
