{# What a relation's columns or a seed's rows say about the settings: the only places where a model asks the warehouse what it is made of. #}
{% macro segment_names_of_flags(relation) %}
    {# one expression a segment: its name where its flag holds #}
    {% set expressions = [] %}
    {% if execute %}
        {% for column in adapter.get_columns_in_relation(relation) if column.name.startswith("is_") %}
            {% do expressions.append("case when " ~ column.name ~ " then '" ~ column.name[3:] ~ "' end") %}
        {% endfor %}
    {% endif %}
    {{ return(expressions) }}
{% endmacro %}


{% macro merge_field_names(relation) %}
    {# every merge field is a column of the merge field values #}
    {% set names = [] %}
    {% if execute %}
        {% for column in adapter.get_columns_in_relation(relation) if column.name not in ["user_id", "blank_fields", "unsafe_fields", "placeholder_fields", "blank_pattern"] %}
            {% do names.append(column.name) %}
        {% endfor %}
    {% endif %}
    {{ return(names | sort) }}
{% endmacro %}


{% macro declared_merge_fields() %}
    {# every merge field that a template may name, in order of name; none while dbt only parses, and before there are seeds #}
    {% set seed = ref("merge_fields") %}
    {% set names = [] %}
    {% if execute and load_relation(seed) is not none %}
        {% for row in run_query("select merge_field from " ~ seed ~ " order by merge_field") %}
            {% do names.append(row[0]) %}
        {% endfor %}
    {% endif %}
    {{ return(names) }}
{% endmacro %}


{% macro merge_values_json(field_names, printed_fields) %}
    {# a JSON object of exactly the fields that the variant prints, keys in order; a blank value is JSON null #}
    {% set parts = [] %}
    {% for name in field_names %}
        {% do parts.append(
            "case when " ~ list_has(printed_fields, "'" ~ name ~ "'") ~ " then '\"" ~ name ~ "\": ' || " ~ json_text_literal(name) ~ " end"
        ) %}
    {% endfor %}
    {{ return("'{' || concat_ws(', ', " ~ parts | join(", ") ~ ") || '}'") }}
{% endmacro %}
