{#-
    A table or a view of DuckDB in one statement. dbt's own way (write a copy, rename, drop, each in transactions) costs more
    than most models do, and gains nothing here: DuckDB replaces in one step, and a night builds a file that nobody reads yet.
-#}
{% materialization table, adapter="duckdb" %}
    {{ return({"relations": [replace_relation("table")]}) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {{ return({"relations": [replace_relation("view")]}) }}
{% endmaterialization %}


{% macro replace_relation(kind) %}
    {#- writes the model as a table or a view in the place of what was there; returns the relation -#}
    {% set relation = this.incorporate(type=kind) %}
    {% set existing = load_cached_relation(this) %}
    {% if existing is not none and existing.type != kind %} {% do drop_relation(existing) %} {% endif %}
    {% if config.get("contract").enforced %}
        {% do add_merge_fields_to_contract() %} {% do get_assert_columns_equivalent(sql) %}
    {% endif %}
    {% call statement("main") -%}
        create or replace {{ kind }} {{ relation }} as (
        {{ sql }}
        )
    {%- endcall %}
    {% do adapter.commit() %}
    {{ return(relation) }}
{% endmacro %}
