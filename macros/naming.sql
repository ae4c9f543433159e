{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- schemas are named as docs/contract.md names them (marts, ops, ...), without a prefix per developer -#}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}


{% macro ref() -%}
    {#- without the database: the file that dbt builds is renamed when it is published, and people attach it under any name -#}
    {% do return(builtins.ref(*varargs, **kwargs).include(database=false)) %}
{%- endmacro %}


{% macro source() -%}
    {% do return(builtins.source(*varargs, **kwargs).include(database=false)) %}
{%- endmacro %}
