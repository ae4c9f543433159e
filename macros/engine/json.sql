{#- Reading JSON text. A value of the wrong type counts as absent (null). Keys are fixed, plain names. -#}
{% macro is_json_object(text) %}
    {{ return(adapter.dispatch("is_json_object", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__is_json_object(text) -%}
    {#- DuckDB also takes NaN, inf and a comma at the end; they are looked for outside of the strings, and only where they may be -#}
    {%- set no_json = "(?i)nan|inf|,[ \\t\\r\\n]*[}\\]]" -%}
    case
        when json_type(try_cast({{ text }} as json)) is distinct from 'OBJECT'
        then false
        when {{ matches(text, no_json) }}
        then not {{ matches(replace_all(text, '"([^"\\\\]|\\\\.)*"'), no_json) }}
        else true
    end
{%- endmacro %}

{% macro spark__is_json_object(text) -%}
    {#- Spark stops reading where the value ends: inside of a list, what comes after it counts too -#}
    coalesce(
        case
            {#- an unpaired surrogate is no text; looking for a few letters first is cheaper than a pattern #}
            when
                (contains({{ text }}, {{ sql_text("\\ud") }}) or contains({{ text }}, {{ sql_text("\\uD") }}))
                and {{ matches(text, spark__unpaired_surrogate()) }}
            then false
            {#- a text that would close the list itself #}
            when
                contains({{ text }}, ']')
                and {{ matches(text, "\\}[ \\t\\r\\n]*\\]") }}
                and {{ spark__strict_json("'{\"o\":' || " ~ text ~ " || '}'", "o struct<o string>") }}.o
                is null
            then false
            else
                get(
                    transform(
                        array(
                            {{ spark__strict_json("'[' || " ~ text ~ " || ']'", "array<struct<o string>>") }}
                        ),
                        objects -> array_size(objects) = 1 and get(objects, 0) is not null
                    ),
                    0
                )
        end,
        false
    )
{%- endmacro %}

{% macro spark__strict_json(text, schema) %}
    {#- JSON as the standard has it: Spark would also take single quotes and NaN -#}
    {{ return("from_json(" ~ text ~ ", '" ~ schema ~ "', map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false'))") }}
{% endmacro %}

{% macro spark__unpaired_surrogate() %}
    {#- a pattern: behind an even number of backslashes, a high surrogate without a low one behind it or a low one without a high one before it -#}
    {%- set high = "\\\\u[dD][89abAB][0-9a-fA-F]{2}" -%}
    {%- set low = "\\\\u[dD][c-fC-F][0-9a-fA-F]{2}" -%}
    {{ return("(?<!\\\\)(?:\\\\\\\\)*(?:" ~ high ~ "(?!" ~ low ~ ")|(?<!\\\\u[dD][89abAB][0-9a-fA-F]{2})" ~ low ~ ")") }}
{% endmacro %}

{% macro spark__json_value(object, key, type="variant") -%}
    {#-
        the value of a key, as a variant (or as a text, where numbers read as in the object). Only this value is built, so it is
        quick; but of a key that is there twice it is the last, and DuckDB takes the first: then all of them are read.
    -#}
    {%- set quoted = "'\"" ~ key ~ "\"'" -%}
    {%- set texts = "from_json(" ~ object ~ ", 'map<string, string>')" -%}
    case
        when
            locate({{ quoted }}, {{ object }}, locate({{ quoted }}, {{ object }}) + 1) > 0
            or contains({{ object }}, {{ sql_text("\\u00") }})
        then
            coalesce(
                from_json({{ object }}, 'map<string, {{ type }}>')['{{ key }}']
                {%- if type == "variant" -%}
                    ,
                    {#- there is no map of variants where a key is there twice further inside #}
                    case
                        when {{ texts }} ['{{ key }}'] is not null
                        then try_parse_json(get_json_object('[' || {{ object }} || ']', '$[*].{{ key }}'))
                        when map_contains_key({{ texts }}, '{{ key }}')
                        then parse_json('null')
                    end
                {%- endif %}
            )
        else from_json({{ object }}, '`{{ key }}` {{ type }}').`{{ key }}`
    end
{%- endmacro %}

{% macro spark__is_json_number(variant) %}
    regexp_like(schema_of_variant({{ variant }}), '^(BIGINT|DOUBLE|DECIMAL)')
{% endmacro %}


{% macro json_string(object, key) %}
    {{ return(adapter.dispatch("json_string", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_string(object, key) -%}
    case
        when json_type({{ object }}, '$.{{ key }}') = 'VARCHAR'
        then json_extract_string({{ object }}, '$.{{ key }}')
    end
{%- endmacro %}

{% macro spark__json_string(object, key) -%}
    {#- the list of one gives the value a name, so that it is looked for once -#}
    get(
        transform(
            array({{ spark__json_value(object, key) }}),
            value -> case when schema_of_variant(value) = 'STRING' then cast(value as string) end
        ),
        0
    )
{%- endmacro %}


{% macro json_number(object, key, lowest=none, highest=none) %}
    {#- a number; one outside of its range counts as absent, like a value of another type -#}
    {{ return(adapter.dispatch("json_number", "sendworthy")(object, key, lowest, highest)) }}
{% endmacro %}

{% macro duckdb__json_number(object, key, lowest, highest) -%}
    {#- the list of one gives the value a name, so that it is looked for once -#}
    list_filter(
        [
            try_cast(
                {{ duckdb__json_unless(object, key, ["VARCHAR", "BOOLEAN", "OBJECT", "ARRAY"]) }} as double
            )
        ],
        lambda number:isfinite(number)
        {%- if lowest is not none %} and number between {{ lowest }} and {{ highest }} {%- endif %}
    )[1]
{%- endmacro %}

{% macro spark__json_number(object, key, lowest, highest) -%}
    get(
        filter(
            transform(
                array({{ spark__json_value(object, key) }}),
                value -> case
                    when {{ spark__is_json_number("value") }} then try_variant_get(value, '$', 'double')
                end
            ),
            number -> number
            between {{ "double('-1.7976931348623157e308')" if lowest is none else lowest }}
            and {{ "double('1.7976931348623157e308')" if highest is none else highest }}
        ),
        0
    )
{%- endmacro %}


{% macro json_identifier(object, key) %}
    {#- an id may be a text or a whole number, with a zero fraction or without; all are kept as text -#}
    {{ return(adapter.dispatch("json_identifier", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_identifier(object, key) -%}
    {%- set scalar = duckdb__json_unless(object, key, ["BOOLEAN", "OBJECT", "ARRAY"]) -%}
    case
        when
            json_type({{ object }}, '$.{{ key }}') = 'DOUBLE'
            and not {{ matches(scalar, "^-?[0-9]+[.]0+\\z") }}
        then null
        else {{ scalar }}
    end
{%- endmacro %}

{% macro spark__json_identifier(object, key) -%}
    {%- set text = spark__json_value(object, key, "string") -%}
    get(
        transform(
            array({{ spark__json_value(object, key) }}),
            value -> case
                when schema_of_variant(value) in ('STRING', 'BIGINT')
                then cast(value as string)
                {#- 1e3 is 1000.0, as DuckDB writes it #}
                when {{ spark__is_json_number("value") }} and regexp_like({{ text }}, '[.eE]')
                then nullif(regexp_extract({{ spark__plain_number(text) }}, '^-?[0-9]+[.]0+$', 0), '')
                {#- what is longer than a bigint is a decimal, and so is 1.5: the text shows which #}
                when
                    schema_of_variant(value) in ('DECIMAL(19,0)', 'DECIMAL(20,0)')
                    and try_variant_get(value, '$', 'decimal(38, 0)') between 0 and 18446744073709551615
                    and regexp_like({{ text }}, '^[0-9]+$')
                then cast(value as string)
            end
        ),
        0
    )
{%- endmacro %}


{% macro json_scalar(object, key) %}
    {#- a text or a number, as text -#}
    {{ return(adapter.dispatch("json_scalar", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_scalar(object, key) -%}
    {%- set scalar = duckdb__json_unless(object, key, ["BOOLEAN", "OBJECT", "ARRAY"]) -%}
    case
        when
            json_type({{ object }}, '$.{{ key }}') = 'DOUBLE'
            and not coalesce(isfinite(try_cast({{ scalar }} as double)), false)
        then null
        else {{ scalar }}
    end
{%- endmacro %}

{% macro spark__json_scalar(object, key) -%}
    get(
        transform(
            array({{ spark__json_value(object, key) }}),
            value -> case
                when schema_of_variant(value) in ('STRING', 'BIGINT')
                then cast(value as string)
                when
                    {{ spark__is_json_number("value") }}
                    and abs(try_variant_get(value, '$', 'double')) < double('Infinity')
                then {{ spark__plain_number(spark__json_value(object, key, "string")) }}
            end
        ),
        0
    )
{%- endmacro %}

{% macro spark__plain_number(text) -%}
    {#-
        a number as DuckDB writes it: as few digits as make the same double (Java 17 sometimes has more), and an exponent only from
        1e21 on and below 1e-6. A whole number stays what it is.
    -#}
    get(
        transform(
            transform(
                array({{ text }}),
                number -> case
                    when not regexp_like(number, '[.E]') or try_cast(number as double) = 0
                    then number
                    {%- for digits in ["%.14e", "%.15e", "%.16e"] %}
                        when
                            double(format_string('{{ digits }}', try_cast(number as double)))
                            = try_cast(number as double)
                        then format_string('{{ digits }}', try_cast(number as double))
                    {%- endfor %}
                    else number
                end
            ),
            number -> case
                when not regexp_like(number, '[eE]')
                then number
                when abs(try_cast(number as double)) >= 1e21 or abs(try_cast(number as double)) < 1e-6
                then regexp_replace(number, '[.]?0*[eE][+]?(-?)0*', 'e$1')
                when abs(try_cast(number as double)) < 1
                then
                    regexp_replace(
                        cast(try_cast(number as decimal(38, 25)) as string), '([.][0-9]+?)0*$', '$1'
                    )
                else
                    regexp_replace(
                        cast(try_cast(number as decimal(38, 16)) as string), '([.][0-9]+?)0*$', '$1'
                    )
            end
        ),
        0
    )
{%- endmacro %}


{% macro duckdb__json_unless(object, key, types) %}
    {#- a value as text, unless it is of one of the types; not `in`, which becomes a join that is run for every row -#}
    {% set type = "json_type(" ~ object ~ ", '$." ~ key ~ "')" %}
    {{ return("case when list_contains(['" ~ types | join("', '") ~ "'], " ~ type ~ ") then null else json_extract_string(" ~ object ~ ", '$." ~ key ~ "') end") }}
{% endmacro %}


{% macro json_text_literal(expression) %}
    {#- a text as a JSON string, or the word null -#}
    {{ return(adapter.dispatch("json_text_literal", "sendworthy")(expression)) }}
{% endmacro %}

{% macro duckdb__json_text_literal(expression) %}
    coalesce(cast(to_json({{ expression }}) as varchar), 'null')
{% endmacro %}

{% macro spark__json_text_literal(expression) %}
    coalesce(to_json(cast({{ expression }} as variant)), 'null')
{% endmacro %}


{% macro json_has_null(object, key) %}
    {#- whether the key is there and its value is null -#}
    {{ return(adapter.dispatch("json_has_null", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_has_null(object, key) %}
    coalesce(json_type({{ object }}, '$.{{ key }}') = 'NULL', false)
{% endmacro %}

{% macro spark__json_has_null(object, key) %}
    coalesce(is_variant_null({{ spark__json_value(object, key) }}), false)
{% endmacro %}


{% macro json_is_given(object, key) %}
    {#- whether the key is there and its value is not null -#}
    {{ return(adapter.dispatch("json_is_given", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_is_given(object, key) %}
    coalesce(json_type({{ object }}, '$.{{ key }}') <> 'NULL', false)
{% endmacro %}

{% macro spark__json_is_given(object, key) %}
    {#- as text: a variant cannot hold an object that names a key twice -#}
    ({{ spark__json_value(object, key, "string") }} is not null)
{% endmacro %}


{% macro json_is_true(object, key) %}
    {#- whether the key is there and its value is true; of an object that is null or lacks it, it is not -#}
    {{ return(adapter.dispatch("json_is_true", "sendworthy")(object, key)) }}
{% endmacro %}

{% macro duckdb__json_is_true(object, key) %}
    coalesce(json_extract({{ object }}, '$.{{ key }}') = 'true', false)
{% endmacro %}

{% macro spark__json_is_true(object, key) %}
    coalesce(
        get(
            transform(
                array({{ spark__json_value(object, key) }}),
                value -> schema_of_variant(value) = 'BOOLEAN' and try_variant_get(value, '$', 'boolean')
            ),
            0
        ),
        false
    )
{% endmacro %}


{% macro rows_of_json_list(relation, columns, object, key, fields) %}
    {#- a query: one row an object of the list that a JSON object has under a key, with these fields: [field, type, column] -#}
    {{ return(adapter.dispatch("rows_of_json_list", "sendworthy")(relation, columns, object, key, fields)) }}
{% endmacro %}

{% macro duckdb__rows_of_json_list(relation, columns, object, key, fields) -%}
    {%- set types = [] -%}
    {%- for field, type, column in fields -%}
        {%- do types.append('"' ~ field ~ '": "' ~ engine_type(type) ~ '"') -%}
    {%- endfor -%}
    select
        {{ columns | join(", ") }}
        {%- for field, type, column in fields %}, item['{{ field }}'] as {{ column }} {%- endfor %}
    from
        (
            select
                {{ columns | join(", ") }},
                unnest(
                    from_json(json_extract({{ object }}, '$.{{ key }}'), '[{ {{- types | join(", ") -}} }]')
                ) as item
            from {{ relation }}
        ) as listed
{%- endmacro %}

{% macro spark__rows_of_json_list(relation, columns, object, key, fields) -%}
    {%- set types = [] -%}
    {%- for field, type, column in fields -%}
        {%- do types.append("`" ~ field ~ "`: " ~ engine_type(type)) -%}
    {%- endfor -%}
    select
        {{ columns | join(", ") }}
        {%- for field, type, column in fields %}, item.`{{ field }}` as {{ column }} {%- endfor %}
    from
        (
            select
                {{ columns | join(", ") }},
                explode(
                    from_json(
                        get_json_object({{ object }}, '$.{{ key }}'),
                        'array<struct<{{ types | join(", ") }}>>'
                    )
                ) as item
            from {{ relation }}
        ) as listed
{%- endmacro %}


{% macro json_keys(object) %}
    {#- the keys of an object, in its order, as a list -#}
    {{ return(adapter.dispatch("json_keys", "sendworthy")(object)) }}
{% endmacro %}

{% macro duckdb__json_keys(object) %} json_keys({{ object }}){% endmacro %}

{% macro spark__json_keys(object) %} json_object_keys({{ object }}){% endmacro %}


{% macro json_texts(text) %}
    {#- the texts of a JSON list of texts; null when it is none -#}
    {{ return(adapter.dispatch("json_texts", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__json_texts(text) %} try_cast(try_cast({{ text }} as json) as varchar[]){% endmacro %}

{% macro spark__json_texts(text) %} {{ spark__strict_json(text, "array<string>") }}{% endmacro %}


{% macro json_text_map(text) %}
    {#- the fields of a JSON object as a map of text to text; null when it is no object, is not JSON at all, or names a field twice -#}
    {{ return(adapter.dispatch("json_text_map", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__json_text_map(text) -%}
    case
        when
            {{ is_json_object(text) }}
            and len(json_keys(try_cast({{ text }} as json)))
            = len(list_distinct(json_keys(try_cast({{ text }} as json))))
        then cast(try_cast({{ text }} as json) as map(varchar, varchar))
    end
{%- endmacro %}

{% macro spark__json_text_map(text) -%}
    case
        when
            {{ spark__is_json_object(text) }}
            and array_size(json_object_keys({{ text }}))
            = array_size(array_distinct(json_object_keys({{ text }})))
        then from_json({{ text }}, 'map<string, string>')
    end
{%- endmacro %}


{% macro map_names(map) %}
    {#- the names of a map, as a list; empty for null -#}
    {{ return(adapter.dispatch("map_names", "sendworthy")(map)) }}
{% endmacro %}

{% macro duckdb__map_names(map) %} coalesce(map_keys({{ map }}), []){% endmacro %}

{% macro spark__map_names(map) %} coalesce(map_keys({{ map }}), {{ empty_list() }}){% endmacro %}


{% macro map_text(map, name) %}
    {#- what a map holds under a name; null when it does not have it -#}
    {{ return(adapter.dispatch("map_text", "sendworthy")(map, name)) }}
{% endmacro %}

{% macro duckdb__map_text(map, name) %} {{ map }} [{{ name }}]{% endmacro %}

{% macro spark__map_text(map, name) %} try_element_at({{ map }}, {{ name }}){% endmacro %}


{% macro list_union(first, second) %}
    {#- the items of both lists, each once; a list that is null counts as empty -#}
    {{ return(adapter.dispatch("list_union", "sendworthy")(first, second)) }}
{% endmacro %}

{% macro duckdb__list_union(first, second) %}
    list_distinct(list_concat({{ first }}, {{ second }}))
{% endmacro %}

{% macro spark__list_union(first, second) -%}
    array_compact(
        array_distinct(
            concat(coalesce({{ first }}, {{ empty_list() }}), coalesce({{ second }}, {{ empty_list() }}))
        )
    )
{%- endmacro %}
