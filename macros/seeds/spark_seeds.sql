{#-
    dbt-spark loads a seed with literals that it neither escapes nor reads right: a quote ends them, and the word null is no value.
    These two stand in for its own, and spell types as the other engines' seeds do. The values go as bindings: dbt writes the
    statement into target/run and its log, and a seed may name people.
-#}
{% macro spark__create_csv_table(model, agate_table) %}
    {% set columns = [] %}
    {% for name in agate_table.column_names %}
        {% do columns.append(name ~ " " ~ engine_type(model.config.column_types[name])) %}
    {% endfor %}
    {% set sql = "create table " ~ this.render() ~ " (" ~ columns | join(", ") ~ ") using parquet" %}
    {% call statement("_") %} {{ sql }}{% endcall %}
    {{ return(sql) }}
{% endmacro %}


{% macro spark__load_csv_rows(model, agate_table) %}
    {% set rows = [] %}
    {% set bindings = [] %}
    {% for row in agate_table.rows %}
        {% set values = [] %}
        {% for name in agate_table.column_names %}
            {% set column = model.columns.get(name, {}) %}
            {#- dbt takes the word null for a missing value; where nothing can be missing, it was the word -#}
            {% set is_word = (column.get("config") or {}).get("meta", {}).get("never_missing", false) %}
            {% set value = "null" if row[name] is none and is_word else row[name] %}
            {% do values.append("cast(" ~ ("null" if value is none else "%s") ~ " as " ~ engine_type(model.config.column_types[name]) ~ ")") %}
            {#- dbt-spark puts a binding between quotes as it is -#}
            {% do bindings.append(sql_text(value)[1:-1]) if value is not none %}
        {% endfor %}
        {% do rows.append("(" ~ values | join(", ") ~ ")") %}
    {% endfor %}
    {% set sql = "insert into " ~ this.render() ~ " values " ~ rows | join(", ") %}
    {% if rows %} {% do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) %} {% endif %}
    {{ return(sql) }}
{% endmacro %}
