{% macro normalized_name(text, is_trimmed=false) -%}
    {# a word of a source's vocabulary, one spelling for all: `Order Completed`, `order.completed` and `order-completed` are order_completed #}
    {{ replace_each(lowered(text if is_trimmed else trimmed(text)), "[\\p{Z}\\p{Cc}.-]+", "_") }}
{%- endmacro %}
