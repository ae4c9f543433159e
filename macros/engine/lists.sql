{#- Lists of text: how to build, search and flatten them. -#}
{% macro list_of(expressions) %}
    {#- those of the expressions that are not null, in their order -#}
    {{ return(adapter.dispatch("list_of", "sendworthy")(expressions)) }}
{% endmacro %}

{% macro duckdb__list_of(expressions) -%}
    list_filter(
        [
            {%- for expression in expressions %}
                {{ expression }}{{ "," if not loop.last }}
            {%- endfor %}
        ],
        lambda item: item is not null
    )
{%- endmacro %}

{% macro spark__list_of(expressions) -%}
    {%- if expressions -%} array_compact(array({{ expressions | join(", ") }})) {%- else -%} {{ empty_list() }} {%- endif -%}
{%- endmacro %}


{% macro list_has(list, item) %}{{ return(adapter.dispatch("list_has", "sendworthy")(list, item)) }}{% endmacro %}

{% macro duckdb__list_has(list, item) %}coalesce(list_contains({{ list }}, {{ item }}), false){% endmacro %}

{% macro spark__list_has(list, item) %}coalesce(array_contains({{ list }}, {{ item }}), false){% endmacro %}


{% macro lists_overlap(first, second) %}{{ return(adapter.dispatch("lists_overlap", "sendworthy")(first, second)) }}{% endmacro %}

{% macro duckdb__lists_overlap(first, second) %}coalesce(list_has_any({{ first }}, {{ second }}), false){% endmacro %}

{% macro spark__lists_overlap(first, second) %}coalesce(arrays_overlap({{ first }}, {{ second }}), false){% endmacro %}


{% macro list_has_all(list, items) %}
    {#- whether a list has each of the items; it has all of none -#}
    {{ return(adapter.dispatch("list_has_all", "sendworthy")(list, items)) }}
{% endmacro %}

{% macro duckdb__list_has_all(list, items) %}coalesce(list_has_all({{ list }}, {{ items }}), false){% endmacro %}

{% macro spark__list_has_all(list, items) %}coalesce(array_size(array_except({{ items }}, {{ list }})) = 0, false){% endmacro %}


{% macro list_intersection(first, second, prefix) %}
    {#- the items of the first that the second has too, in the first's order, each behind a prefix -#}
    {{ return(adapter.dispatch("list_intersection", "sendworthy")(first, second, prefix)) }}
{% endmacro %}

{% macro duckdb__list_intersection(first, second, prefix) -%}
    list_transform(
        list_filter({{ first }}, lambda item: list_contains({{ second }}, item)),
        lambda item: {{ sql_text(prefix) }} || item
    )
{%- endmacro %}

{% macro spark__list_intersection(first, second, prefix) -%}
    transform(
        filter({{ first }}, item -> array_contains({{ second }}, item)),
        item -> {{ sql_text(prefix) }} || item
    )
{%- endmacro %}


{% macro list_without(list, texts) %}
    {#- the items of a list but these texts -#}
    {{ return(adapter.dispatch("list_without", "sendworthy")(list, texts)) }}
{% endmacro %}

{% macro duckdb__list_without(list, texts) -%}
    list_filter({{ list }}, lambda item: item not in ({{ sql_texts(texts) }}))
{%- endmacro %}

{% macro spark__list_without(list, texts) -%}
    filter({{ list }}, item -> item not in ({{ sql_texts(texts) }}))
{%- endmacro %}

{% macro sql_texts(values) %}
    {#- texts as SQL literals, separated by commas -#}
    {% set literals = [] %}
    {% for value in values %}
        {% do literals.append(sql_text(value)) %}
    {% endfor %}
    {{ return(literals | join(", ")) }}
{% endmacro %}


{% macro map_list(list, expression) %}
    {#- a list with an expression of each `item` in its place -#}
    {{ return(adapter.dispatch("map_list", "sendworthy")(list, expression)) }}
{% endmacro %}

{% macro duckdb__map_list(list, expression) %}list_transform({{ list }}, lambda item: {{ expression }}){% endmacro %}

{% macro spark__map_list(list, expression) %}transform({{ list }}, item -> {{ expression }}){% endmacro %}


{% macro filter_list(list, condition) %}
    {#- those items of a list for which a condition of `item` holds -#}
    {{ return(adapter.dispatch("filter_list", "sendworthy")(list, condition)) }}
{% endmacro %}

{% macro duckdb__filter_list(list, condition) %}list_filter({{ list }}, lambda item: {{ condition }}){% endmacro %}

{% macro spark__filter_list(list, condition) %}filter({{ list }}, item -> {{ condition }}){% endmacro %}


{% macro joined_lists(lists) %}{{ return(adapter.dispatch("joined_lists", "sendworthy")(lists)) }}{% endmacro %}

{% macro duckdb__joined_lists(lists) %}flatten([{{ lists | join(", ") }}]){% endmacro %}

{% macro spark__joined_lists(lists) %}concat({{ lists | join(", ") }}){% endmacro %}


{% macro empty_list() %}{{ return(adapter.dispatch("empty_list", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__empty_list() %}cast([] as varchar[]){% endmacro %}

{% macro spark__empty_list() %}cast(array() as array<string>){% endmacro %}


{% macro list_size(list) %}{{ return(adapter.dispatch("list_size", "sendworthy")(list)) }}{% endmacro %}

{% macro duckdb__list_size(list) %}len({{ list }}){% endmacro %}

{% macro spark__list_size(list) %}array_size({{ list }}){% endmacro %}


{% macro first_of_list(list) %}{{ return(adapter.dispatch("first_of_list", "sendworthy")(list)) }}{% endmacro %}

{% macro duckdb__first_of_list(list) %}({{ list }})[1]{% endmacro %}

{% macro spark__first_of_list(list) %}get({{ list }}, 0){% endmacro %}


{% macro split_list(text, pattern=";") -%}
    {#- 'a;b' as a list of trimmed texts; null and '' are the empty list -#}
    {{- return(filter_list(map_list(split_text("coalesce(" ~ text ~ ", '')", pattern), trim_of("item", white_space())), "item <> ''")) -}}
{%- endmacro %}


{% macro split_text(text, pattern) %}
    {#- the parts of a text between the matches of a pattern, as a list -#}
    {{ return(adapter.dispatch("split_text", "sendworthy")(text, pattern)) }}
{% endmacro %}

{% macro duckdb__split_text(text, pattern) %}string_split_regex({{ text }}, {{ sql_text(pattern) }}){% endmacro %}

{% macro spark__split_text(text, pattern) %}split({{ text }}, {{ sql_text(pattern) }}, -1){% endmacro %}


{% macro unnest_with_position(relation, columns, list, item, position) %}
    {#- a query: one row an item of the list column, with its position from 1 -#}
    {{ return(adapter.dispatch("unnest_with_position", "sendworthy")(relation, columns, list, item, position)) }}
{% endmacro %}

{% macro duckdb__unnest_with_position(relation, columns, list, item, position) -%}
    select {{ columns | join(", ") }}, unnest({{ list }}) as {{ item }}, generate_subscripts({{ list }}, 1) as {{ position }}
    from {{ relation }}
{%- endmacro %}

{% macro spark__unnest_with_position(relation, columns, list, item, position) -%}
    {#- the view's columns have names that no relation has, so that none is ambiguous -#}
    select {{ columns | join(", ") }}, unnested_item as {{ item }}, cast(unnested_position + 1 as bigint) as {{ position }}
    from {{ relation }}
    lateral view posexplode({{ list }}) unnested as unnested_position, unnested_item
{%- endmacro %}


{% macro ordered_list(item, order_by) %}
    {#- an aggregate: the items of a group as a list, in the order of unique keys -#}
    {{ return(adapter.dispatch("ordered_list", "sendworthy")(item, order_by)) }}
{% endmacro %}

{% macro duckdb__ordered_list(item, order_by) %}list({{ item }} order by {{ order_by }}){% endmacro %}

{% macro spark__ordered_list(item, order_by) -%}
    transform(sort_array(collect_list({{ spark__entry(item, order_by) }})), entry -> entry.listed)
{%- endmacro %}

{% macro spark__entry(item, order_by) %}{{ return("struct(" ~ ascending_keys(order_by) | join(", ") ~ ", " ~ item ~ " as listed)") }}{% endmacro %}


{% macro ascending_keys(order_by) %}
    {#- what a list of structs is sorted by, field after field: a number turns around with its sign, and null goes last -#}
    {% set keys = [] %}
    {% for key in order_by.split(",") %}
        {% set words = key.split() %}
        {% do keys.append(words[0] ~ " is null") %}
        {% do keys.append("-" ~ words[0] if words[1:] == ["desc"] else words[0]) %}
    {% endfor %}
    {{ return(keys) }}
{% endmacro %}


{% macro ordered_list_in_partition(item, condition, order_by, partition_by) %}
    {#- a window: the items of a partition that meet the condition as a list, in the order of unique keys; empty where none does -#}
    {{ return(adapter.dispatch("ordered_list_in_partition", "sendworthy")(item, condition, order_by, partition_by)) }}
{% endmacro %}

{% macro duckdb__ordered_list_in_partition(item, condition, order_by, partition_by) -%}
    {#- sorted behind the window: a list with an order inside of one takes DuckDB seconds for ten thousand rows -#}
    {%- set fields = [] -%}
    {%- for key in ascending_keys(order_by) -%} {%- do fields.append("key_" ~ loop.index ~ " := " ~ key) -%} {%- endfor -%}
    coalesce(
        list_transform(
            list_sort(
                list(struct_pack({{ fields | join(", ") }}, listed := {{ item }})) filter (where {{ condition }}) over (partition by {{ partition_by }})
            ),
            lambda entry: entry.listed
        ),
        {{ empty_list() }}
    )
{%- endmacro %}

{% macro spark__ordered_list_in_partition(item, condition, order_by, partition_by) -%}
    {#- what is null is not collected -#}
    {%- set entry = "case when " ~ condition ~ " then " ~ spark__entry(item, order_by) ~ " end" -%}
    transform(sort_array(collect_list({{ entry }}) over (partition by {{ partition_by }})), entry -> entry.listed)
{%- endmacro %}


{% macro newest(value, time, id, condition) %}
    {#- an aggregate: the value of the newest row that meets the condition (null if that row's is null); on a tie in time the larger id, compared as text -#}
    {{ return(adapter.dispatch("newest", "sendworthy")(value, time, id, condition)) }}
{% endmacro %}

{% macro duckdb__newest(value, time, id, condition) -%}
    arg_max_null({{ value }}, struct_pack(t := {{ time }}, i := {{ id }})) filter (where {{ condition }})
{%- endmacro %}

{% macro spark__newest(value, time, id, condition) -%}
    max_by({{ value }}, struct({{ time }}, {{ id }})) filter (where {{ condition }})
{%- endmacro %}


{% macro union_of_lists(list, condition) %}
    {#- an aggregate: the items of the lists of a group that meet the condition, each once, in order; empty where there is none -#}
    {{ return(adapter.dispatch("union_of_lists", "sendworthy")(list, condition)) }}
{% endmacro %}

{% macro duckdb__union_of_lists(list, condition) -%}
    coalesce(list_sort(list_distinct(flatten(list({{ list }}) filter (where {{ condition }})))), {{ empty_list() }})
{%- endmacro %}

{% macro spark__union_of_lists(list, condition) -%}
    sort_array(array_compact(array_distinct(flatten(collect_list(case when {{ condition }} then {{ list }} end)))))
{%- endmacro %}


{% macro list_text(list) %}
    {#- the items joined by semicolons; '' for the empty list -#}
    {{ return(adapter.dispatch("list_text", "sendworthy")(list)) }}
{% endmacro %}

{% macro duckdb__list_text(list) %}array_to_string({{ list }}, ';'){% endmacro %}

{% macro spark__list_text(list) %}array_join({{ list }}, ';'){% endmacro %}
