{#- Reading JSON text. A value of the wrong type counts as absent (null). Keys are fixed, plain names. -#}
{% macro is_json_object(text) %}{{ return(adapter.dispatch("is_json_object", "sendworthy")(text)) }}{% endmacro %}

{% macro duckdb__is_json_object(text) %}coalesce(json_type(try_cast({{ text }} as json)) = 'OBJECT', false){% endmacro %}


{% macro json_string(object, key) %}{{ return(adapter.dispatch("json_string", "sendworthy")(object, key)) }}{% endmacro %}

{% macro duckdb__json_string(object, key) -%}
    case when json_type({{ object }}, '$.{{ key }}') = 'VARCHAR' then json_extract_string({{ object }}, '$.{{ key }}') end
{%- endmacro %}


{% macro json_number(object, key, lowest=none, highest=none) -%}
    {#- a number; one outside of its range counts as absent, like a value of another type #}
    {%- set number = adapter.dispatch("json_any_number", "sendworthy")(object, key) -%}
    {%- if lowest is none -%} {{ number }}
    {%- else -%} case when {{ number }} between {{ lowest }} and {{ highest }} then {{ number }} end
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__json_any_number(object, key) -%}
    {%- set number = "try_cast(" ~ duckdb__json_unless(object, key, ["VARCHAR", "BOOLEAN", "OBJECT", "ARRAY"]) ~ " as double)" -%}
    case when isfinite({{ number }}) then {{ number }} end
{%- endmacro %}


{% macro json_identifier(object, key) %}
    {#- an id may be a text or a whole number; both are kept as text -#}
    {{ return(adapter.dispatch("json_identifier", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_identifier(object, key) %}{{ return(duckdb__json_unless(object, key, ["DOUBLE", "BOOLEAN", "OBJECT", "ARRAY"])) }}{% endmacro %}


{% macro json_scalar(object, key) %}
    {#- a text or a number, as text -#}
    {{ return(adapter.dispatch("json_scalar", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_scalar(object, key) %}{{ return(duckdb__json_unless(object, key, ["BOOLEAN", "OBJECT", "ARRAY"])) }}{% endmacro %}


{% macro duckdb__json_unless(object, key, types) %}
    {#- a value as text, unless it is of one of the types; a `case`, because `in` becomes a join that is run for every row -#}
    {% set branches = [] %}
    {% for type in types %}
        {% do branches.append("when '" ~ type ~ "' then null") %}
    {% endfor %}
    {{ return("case json_type(" ~ object ~ ", '$." ~ key ~ "') " ~ branches | join(" ") ~ " else json_extract_string(" ~ object ~ ", '$." ~ key ~ "') end") }}
{% endmacro %}


{% macro json_text_literal(expression) %}
    {#- a text as a JSON string, or the word null -#}
    {{ return(adapter.dispatch("json_text_literal", "sendworthy")(expression)) }}
{% endmacro %}

{% macro duckdb__json_text_literal(expression) %}coalesce(cast(to_json({{ expression }}) as varchar), 'null'){% endmacro %}


{% macro json_has_null(object, key) %}
    {#- whether the key is there and its value is null -#}
    {{ return(adapter.dispatch("json_has_null", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_has_null(object, key) %}coalesce(json_type({{ object }}, '$.{{ key }}') = 'NULL', false){% endmacro %}


{% macro json_keys(object) %}
    {#- the keys of an object, in its order, as a list -#}
    {{ return(adapter.dispatch("json_keys", "sendworthy")(object)) }}
{% endmacro %}

{% macro duckdb__json_keys(object) %}json_keys({{ object }}){% endmacro %}


{% macro json_text_map(text) %}
    {#- the fields of a JSON object as a map of text to text; null when it is no object, is not JSON at all, or names a field twice -#}
    {{ return(adapter.dispatch("json_text_map", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__json_text_map(text) -%}
    case
        when json_type(try_cast({{ text }} as json)) = 'OBJECT'
            and len(json_keys(try_cast({{ text }} as json))) = len(list_distinct(json_keys(try_cast({{ text }} as json))))
        then cast(try_cast({{ text }} as json) as map(varchar, varchar))
    end
{%- endmacro %}


{% macro map_names(map) %}
    {#- the names of a map, as a list; empty for null -#}
    {{ return(adapter.dispatch("map_names", "sendworthy")(map)) }}
{% endmacro %}

{% macro duckdb__map_names(map) %}coalesce(map_keys({{ map }}), []){% endmacro %}


{% macro map_text(map, name) %}
    {#- what a map holds under a name; null when it does not have it -#}
    {{ return(adapter.dispatch("map_text", "sendworthy")(map, name)) }}
{% endmacro %}

{% macro duckdb__map_text(map, name) %}{{ map }}[{{ name }}]{% endmacro %}


{% macro list_union(first, second) %}
    {#- the items of both lists, each once; a list that is null counts as empty -#}
    {{ return(adapter.dispatch("list_union", "sendworthy")(first, second)) }}
{% endmacro %}

{% macro duckdb__list_union(first, second) %}list_distinct(list_concat({{ first }}, {{ second }})){% endmacro %}
