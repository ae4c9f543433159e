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


{#-
    Where files are typed once (macros/landing/typed_drops.sql), tonight's rows of a landing table are written as Parquet, and the model is a
    view of them and of those that earlier nights have kept.
-#}
{% materialization typed_drops, adapter="duckdb" %}
    {% set table_name = config.get("landing_table") %}
    {% set columns = typed_columns(table_name).keys() | join(", ") %}
    {% if not drops_folder() %}
        {% set rows = "select " ~ columns ~ " from (" ~ sql ~ ") as tonight union all select " ~ columns ~ " from drops." ~ table_name %}
        {{ return({"relations": [replace_relation("table", rows)]}) }}
    {% endif %}
    {% set folder = drops_folder() ~ "/" ~ table_name %}
    {% do run_query(
        "copy (select tonight.*, landing_files.drop_number from (" ~ sql ~ ") as tonight inner join landing.landing_files as landing_files"
        ~ " on landing_files.table_name = " ~ sql_text(table_name) ~ " and tonight.file = landing_files.file) to " ~ sql_text(folder)
        ~ " (format parquet, compression zstd, partition_by (drop_number))"
    ) %}
    {% set written = run_query(
        "select distinct parse_dirpath(file) as folder from glob(" ~ sql_text(duckdb__no_pattern(folder) ~ "/*/*.parquet") ~ ") order by folder"
    ).columns[0].values() | list %}
    {% set kept = run_query("select path from drops.files where table_name = " ~ sql_text(table_name)).columns[0].values() | list %}
    {% set rows = "select " ~ columns ~ " from (" ~ kept_rows(table_name, kept) ~ ") as kept union all select " ~ columns ~ " from "
        ~ typed_rows(table_name, written) %}
    {{ return({"relations": [replace_relation("view", rows)]}) }}
{% endmaterialization %}


{% macro replace_relation(kind, rows=none) %}
    {#- writes the model, or these rows, as a table or a view in the place of what was there; returns the relation -#}
    {% set relation = this.incorporate(type=kind) %}
    {% set existing = load_cached_relation(this) %}
    {% if existing is not none and existing.type != kind %} {% do drop_relation(existing) %} {% endif %}
    {% if config.get("contract").enforced %}
        {% do add_merge_fields_to_contract() %} {% do get_assert_columns_equivalent(sql) %}
    {% endif %}
    {% call statement("main") -%}
        create or replace {{ kind }} {{ relation }} as (
        {{ rows or sql }}
        )
    {%- endcall %}
    {% do adapter.commit() %}
    {{ return(relation) }}
{% endmacro %}
