{% macro normalized_name(text) -%}
    {# a word of a source's vocabulary, one spelling for all: `Order Completed`, `order.completed` and `order-completed` are order_completed #}
    {{ replace_each(lowered(trimmed(text)), "[\\p{Z}\\t\\n\\r.-]+", "_") }}
{%- endmacro %}
